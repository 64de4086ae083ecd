//go:build integration

package env

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/job"
)

// lack ends a test that the machine is not fit for: it is skipped, and fails where nothing may be missing.
func lack(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("EBB_CI") == "1" || os.Getenv("CI") == "true" {
		t.Fatal(what)
	}
	t.Skip(what)
}

// run starts a program that ends with the test, at the latest, and returns what ends it at once.
func run(t *testing.T, argv ...string) (stop func()) {
	t.Helper()
	if _, err := exec.LookPath(argv[0]); err != nil {
		lack(t, argv[0]+" is not installed: run `make install-test-deps` as root")
	}
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error), make(chan struct{})
	go func() { // ends with the program
		runtime.LockOSThread() // Pdeathsig is sent when the thread ends
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	stop = func() {
		_ = cmd.Process.Kill()
		<-ended
	}
	t.Cleanup(stop)
	return stop
}

// systemBus is a bus of the test's own in place of the system's.
type systemBus struct {
	t    *testing.T
	conf string
	stop func()
	conn *dbus.Conn
}

func newSystemBus(t *testing.T) *systemBus {
	t.Helper()
	dir := t.TempDir()
	address := "unix:path=" + filepath.Join(dir, "socket")
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
	b := &systemBus{t: t, conf: filepath.Join(dir, "bus.conf")}
	conf := fmt.Sprintf(`<busconfig><type>system</type><listen>%s</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy></busconfig>`, address)
	if err := os.WriteFile(b.conf, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	return b
}

// start starts the bus, and the test's own connection to it.
func (b *systemBus) start() {
	b.t.Helper()
	b.stop = run(b.t, "dbus-daemon", "--nofork", "--nopidfile", "--config-file="+b.conf)
	b.poll("the bus", func() (err error) {
		b.conn, err = dbus.ConnectSystemBus()
		return err
	})
	conn := b.conn
	b.t.Cleanup(func() { _ = conn.Close() })
}

// poll waits until try succeeds.
func (b *systemBus) poll(what string, try func() error) {
	b.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for err := try(); err != nil; err = try() {
		if time.Now().After(deadline) {
			b.t.Fatalf("%s: %v", what, err)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

const mock = "org.freedesktop.DBus.Mock."

// mock starts a service by python-dbusmock's template of it, or, without one, an empty one.
func (b *systemBus) mock(o object, template ...string) (stop func()) {
	b.t.Helper()
	argv := []string{"/usr/bin/python3", "-m", "dbusmock", "--system"} // the one that the package python3-dbusmock is for
	if exec.Command(argv[0], "-c", "import dbusmock").Run() != nil {
		lack(b.t, "python3-dbusmock is not installed: run `make install-test-deps` as root")
	}
	if len(template) == 0 {
		argv = append(argv, "--is-object-manager", o.service, string(o.path), o.service)
	} else {
		argv = append(argv, "--template", template[0])
	}
	stop = run(b.t, argv...)
	b.poll(o.service, func() error {
		return b.conn.Object(o.service, o.path).Call("org.freedesktop.DBus.Introspectable.Introspect", dbus.FlagNoAutoStart).Err
	})
	return stop
}

// call calls a method of the mock of an object.
func (b *systemBus) call(o object, method string, args ...any) {
	b.t.Helper()
	if err := b.conn.Object(o.service, o.path).Call(method, 0, args...).Err; err != nil {
		b.t.Fatal(err)
	}
}

func (b *systemBus) add(o object, name string, v any) {
	b.t.Helper()
	b.call(o, mock+"AddProperty", o.iface, name, dbus.MakeVariant(v))
}

func (b *systemBus) set(o object, name string, v any) {
	b.t.Helper()
	b.call(o, mock+"UpdateProperties", o.iface, map[string]any{name: v})
}

// audience waits for what is told.
type audience struct {
	t    *testing.T
	told chan News
}

func (a *audience) expect(what string, want News) {
	a.t.Helper()
	last := News{}
	deadline := time.After(15 * time.Second)
	for {
		select {
		case last = <-a.told:
			if cmp.Equal(last, want) {
				return
			}
		case <-deadline:
			a.t.Fatalf("%s: waited for %+v; the last news were %+v", what, want, last)
		}
	}
}

func TestBus(t *testing.T) {
	b := newSystemBus(t)
	ctx, stop := context.WithCancel(t.Context())
	a := &audience{t, make(chan News, 100)}
	networks, said := make(chan network, 1), make(chan services)
	networks <- alone // so that NetworkManager is believed
	over := make(chan struct{}, 2)
	go func() { watchBus(ctx, slog.New(slog.DiscardHandler), said); over <- struct{}{} }()
	go func() { fold(ctx, networks, said, func(n News) { a.told <- n }); over <- struct{}{} }()
	defer func() { stop(); <-over; <-over }()

	a.expect("there is no bus", News{})
	b.start()
	b.checkNetworkManager(a)
	b.checkPower(a)
	b.checkSleep(a)

	b.mock(networkManager, "networkmanager")
	b.set(networkManager, "Connectivity", uint32(1))
	disconnected := News{Facts: sched.Facts{Offline: "NetworkManager says that it is disconnected"}}
	a.expect("back", disconnected)
	b.stop()
	a.expect("the bus is gone", News{})
	b.start()
	b.mock(networkManager, "networkmanager")
	b.set(networkManager, "Connectivity", uint32(1))
	a.expect("the bus is back", disconnected)
}

// slow is a NetworkManager that answers when it is let, with the metered that it has by then.
type slow struct {
	let     chan struct{} // closed: at once
	metered atomic.Uint32
}

// GetAll is that of org.freedesktop.DBus.Properties.
func (s *slow) GetAll(string) (properties, *dbus.Error) {
	<-s.let
	return properties{"Metered": dbus.MakeVariant(s.metered.Load())}, nil
}

// A service that is slow to answer once is believed what it said, and asked again without a signal.
func TestSlowAnswer(t *testing.T) {
	b := newSystemBus(t)
	b.start()
	ctx, stop := context.WithCancel(t.Context())
	told, over := make(chan services), make(chan struct{})
	manager := &slow{let: make(chan struct{})}
	manager.metered.Store(meteredYes)
	close(manager.let)
	export := func(m *slow) {
		if err := b.conn.Export(m, networkManager.path, propertiesInterface); err != nil {
			t.Fatal(err)
		}
	}
	export(manager)
	if _, err := b.conn.RequestName(networkManager.service, 0); err != nil {
		t.Fatal(err)
	}
	go func() { watchBus(ctx, slog.New(slog.DiscardHandler), told); close(over) }()
	defer func() { stop(); <-over }()
	want := services{manages: true, cost: job.CostCapped}
	if first := <-told; first != want {
		t.Fatalf("it begins with %+v", first)
	}
	later := &slow{let: make(chan struct{})}
	later.metered.Store(meteredNo)
	export(later)
	if err := b.conn.Emit(networkManager.path, propertiesInterface+".PropertiesChanged", networkManager.iface, map[string]dbus.Variant{}, []string{"Metered"}); err != nil {
		t.Fatal(err)
	}
	if second := <-told; second != want {
		t.Errorf("without an answer it is told %+v", second)
	}
	close(later.let)
	want.cost = job.CostUnrestricted
	for deadline := time.After(30 * time.Second); ; {
		select {
		case now := <-told:
			if now == want {
				return
			}
		case <-deadline:
			t.Fatal("it is not asked again")
		}
	}
}

func (b *systemBus) checkNetworkManager(a *audience) {
	b.t.Helper()
	stopManager := b.mock(networkManager, "networkmanager")
	b.add(networkManager, "Metered", uint32(0))
	b.add(networkManager, "PrimaryConnectionType", "802-11-wireless")
	disconnected := sched.Facts{Offline: "NetworkManager says that it is disconnected"}
	b.set(networkManager, "State", uint32(20))
	a.expect("disconnected", News{Facts: disconnected})
	b.set(networkManager, "State", uint32(70))
	a.expect("connected", News{})
	b.set(networkManager, "Connectivity", uint32(1))
	a.expect("no connectivity", News{Facts: disconnected})
	b.set(networkManager, "Connectivity", uint32(4))
	a.expect("full connectivity", News{})
	b.set(networkManager, "Metered", uint32(3))
	a.expect("metered", News{Facts: sched.Facts{Cost: job.CostCapped}})
	b.set(networkManager, "Metered", uint32(2))
	a.expect("unmetered", News{Facts: sched.Facts{Cost: job.CostUnrestricted}})

	stopModems := b.mock(modems)
	b.set(networkManager, "PrimaryConnectionType", "gsm")
	b.call(modems, mock+"AddObject", modems.path+"/Modem/0", modems.iface, map[string]dbus.Variant{
		"RegistrationState": dbus.MakeVariant(uint32(1)),
	}, []struct{ Name, In, Out, Code string }{})
	modem := modems
	modem.path += "/Modem/0"
	b.set(modem, "RegistrationState", uint32(5))
	roaming := News{Facts: sched.Facts{Cost: job.CostRoaming}}
	a.expect("roaming", roaming)
	b.set(modem, "RegistrationState", uint32(1))
	a.expect("at home", News{Facts: sched.Facts{Cost: job.CostUnrestricted}})
	b.set(modem, "RegistrationState", uint32(5))
	a.expect("roaming again", roaming)
	stopModems()
	a.expect("the modem is gone", News{Facts: sched.Facts{Cost: job.CostUnrestricted}})
	stopManager()
	a.expect("NetworkManager is gone", News{})
}

func (b *systemBus) checkPower(a *audience) {
	b.t.Helper()
	power := func(p sched.Power) News { return News{Facts: sched.Facts{Power: p}} }
	stopUPower := b.mock(upower, "upower")
	b.set(battery, "IsPresent", true)
	b.set(battery, "Percentage", 80.0)
	b.set(upower, "OnBattery", true)
	a.expect("on battery", power(sched.Power{Battery: true, Percent: 80}))
	b.set(battery, "Percentage", 19.0)
	a.expect("it is used up", power(sched.Power{Battery: true, Percent: 19}))
	stopProfiles := b.mock(oldProfiles, "power_profiles_daemon")
	b.set(oldProfiles, "ActiveProfile", "power-saver")
	a.expect("to be saved", power(sched.Power{Battery: true, Percent: 19, Saver: true}))
	stopProfiles()
	a.expect("nobody says so any more", power(sched.Power{Battery: true, Percent: 19}))
	b.mock(profiles)
	b.add(profiles, "ActiveProfile", "balanced")
	b.set(profiles, "ActiveProfile", "power-saver")
	a.expect("by its new name", power(sched.Power{Battery: true, Percent: 19, Saver: true}))
	b.set(upower, "OnBattery", false)
	a.expect("on mains", News{})
	b.set(upower, "OnBattery", true)
	a.expect("on battery again", power(sched.Power{Battery: true, Percent: 19, Saver: true}))
	stopUPower()
	a.expect("UPower is gone", News{})
}

func (b *systemBus) checkSleep(a *audience) {
	b.t.Helper()
	stop := b.mock(logind, "logind")
	// The property changes as it does in logind: without PropertiesChanged.
	b.call(logind, mock+"AddMethod", logind.iface, "Sleep", "b", "",
		"self.props[self.interface]['PreparingForSleep'] = args[0]; self.EmitSignal(self.interface, 'PrepareForSleep', 'b', [args[0]])")
	b.call(logind, logind.iface+".Sleep", true)
	a.expect("about to sleep", News{Facts: sched.Facts{Asleep: true}})
	b.call(logind, logind.iface+".Sleep", false)
	a.expect("awake", News{})
	// Anybody can send such a signal.
	if err := b.conn.Emit(logind.path, logind.iface+".PrepareForSleep", true); err != nil {
		b.t.Fatal(err)
	}
	b.call(logind, logind.iface+".Sleep", true)
	a.expect("asleep when logind says so", News{Facts: sched.Facts{Asleep: true}})
	stop()
	a.expect("logind is gone", News{})
}
