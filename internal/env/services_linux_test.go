package env

import (
	"testing"

	"github.com/godbus/dbus/v5"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/job"
)

func TestServicesOf(t *testing.T) {
	t.Parallel()
	is := func(name string, v any) properties { return properties{name: dbus.MakeVariant(v)} }
	wwan := properties{"PrimaryConnectionType": dbus.MakeVariant("gsm"), "Metered": dbus.MakeVariant(meteredNo)}
	onBattery := is("OnBattery", true)
	for _, tc := range []struct {
		name    string
		answers map[object]properties
		want    services
	}{
		{name: "nobody answers"},
		{"an empty answer", map[object]properties{networkManager: {}}, services{manages: true}},
		{"connected", map[object]properties{networkManager: is("State", uint32(70))}, services{manages: true}},
		{"connecting", map[object]properties{networkManager: is("State", uint32(40))}, services{manages: true}},
		{"disconnected", map[object]properties{networkManager: is("State", stateDisconnected)}, services{manages: true, disconnected: true}},
		{"networking is off", map[object]properties{networkManager: is("State", stateAsleep)}, services{manages: true, disconnected: true}},
		{"no connectivity", map[object]properties{networkManager: is("Connectivity", connectivityNone)}, services{manages: true, disconnected: true}},
		{"nobody knows the connectivity", map[object]properties{networkManager: is("Connectivity", uint32(0))}, services{manages: true}},
		{"a portal", map[object]properties{networkManager: is("Connectivity", uint32(2))}, services{manages: true}},

		{"metered", map[object]properties{networkManager: is("Metered", meteredYes)}, services{manages: true, cost: job.CostCapped}},
		{"metered, it seems", map[object]properties{networkManager: is("Metered", meteredGuessYes)}, services{manages: true, cost: job.CostCapped}},
		{"not metered", map[object]properties{networkManager: is("Metered", meteredNo)}, services{manages: true, cost: job.CostUnrestricted}},
		{"not metered, it seems", map[object]properties{networkManager: is("Metered", meteredGuessNo)}, services{manages: true, cost: job.CostUnrestricted}},
		{"nobody knows the meter", map[object]properties{networkManager: is("Metered", uint32(0))}, services{manages: true}},
		{"another type", map[object]properties{networkManager: is("Metered", "yes")}, services{manages: true}},

		{"a modem at home", map[object]properties{networkManager: wwan, modems: is("RegistrationState", uint32(1))}, services{manages: true, cost: job.CostUnrestricted}},
		{"a modem abroad", map[object]properties{networkManager: wwan, modems: is("RegistrationState", roaming)}, services{manages: true, cost: job.CostRoaming}},
		{
			name:    "a modem abroad that is not in use",
			answers: map[object]properties{networkManager: is("PrimaryConnectionType", "802-11-wireless"), modems: is("RegistrationState", roaming)},
			want:    services{manages: true},
		},

		{"mains", map[object]properties{upower: is("OnBattery", false), battery: {"IsPresent": dbus.MakeVariant(true), "Percentage": dbus.MakeVariant(80.0)}}, services{}},
		{"battery", map[object]properties{upower: onBattery, battery: {"IsPresent": dbus.MakeVariant(true), "Percentage": dbus.MakeVariant(19.5)}}, services{power: sched.Power{Battery: true, Percent: 20}}},
		{"nearly empty is not unknown", map[object]properties{upower: onBattery, battery: {"IsPresent": dbus.MakeVariant(true), "Percentage": dbus.MakeVariant(0.1)}}, services{power: sched.Power{Battery: true, Percent: 1}}},
		{"nobody knows what is left", map[object]properties{upower: onBattery, battery: is("Percentage", 50.0)}, services{power: sched.Power{Battery: true}}},
		{"saving power", map[object]properties{upower: onBattery, profiles: is("ActiveProfile", "power-saver")}, services{power: sched.Power{Battery: true, Saver: true}}},
		{"saving power, by the old name", map[object]properties{upower: onBattery, oldProfiles: is("ActiveProfile", "power-saver")}, services{power: sched.Power{Battery: true, Saver: true}}},
		{"balanced", map[object]properties{upower: onBattery, profiles: is("ActiveProfile", "balanced")}, services{power: sched.Power{Battery: true}}},
		{"saving noise", map[object]properties{upower: is("OnBattery", false), profiles: is("ActiveProfile", "power-saver")}, services{}},

		{"about to sleep", map[object]properties{logind: is("PreparingForSleep", true)}, services{asleep: true}},
		{"awake", map[object]properties{logind: is("PreparingForSleep", false)}, services{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := servicesOf(tc.answers); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestObjectsOf(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		signal dbus.Signal
		want   []object
	}{
		{"a service comes or goes", dbus.Signal{Name: "org.freedesktop.DBus.NameOwnerChanged", Body: []any{"org.freedesktop.UPower", "", ":1.7"}}, []object{upower, battery}},
		{"another one", dbus.Signal{Name: "org.freedesktop.DBus.NameOwnerChanged", Body: []any{"org.example"}}, nil},
		{"without a name", dbus.Signal{Name: "org.freedesktop.DBus.NameOwnerChanged", Path: "/org/freedesktop/DBus"}, nil},
		{"properties", dbus.Signal{Name: "org.freedesktop.DBus.Properties.PropertiesChanged", Path: battery.path}, []object{battery}},
		{"sleep", dbus.Signal{Name: "org.freedesktop.login1.Manager.PrepareForSleep", Path: logind.path}, []object{logind}},
		{"a modem", dbus.Signal{Name: "org.freedesktop.DBus.Properties.PropertiesChanged", Path: modems.path + "/Modem/3"}, []object{modems}},
		{"modems come and go", dbus.Signal{Name: "org.freedesktop.DBus.ObjectManager.InterfacesAdded", Path: modems.path}, []object{modems}},
		{"a connection of NetworkManager's", dbus.Signal{Name: "org.freedesktop.DBus.Properties.PropertiesChanged", Path: networkManager.path + "/ActiveConnection/1"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got := objectsOf(&tc.signal)
			if len(got) != len(tc.want) {
				t.Fatalf("got %v, want %v", got, tc.want)
			}
			for i := range got {
				if got[i] != tc.want[i] {
					t.Errorf("got %v, want %v", got, tc.want)
				}
			}
		})
	}
}
