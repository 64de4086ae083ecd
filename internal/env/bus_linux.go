package env

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
)

// object is one on the bus whose properties tell something.
type object struct {
	service string // its well-known name
	path    dbus.ObjectPath
	iface   string // of the properties
	start   bool   // asking may start the service
}

// The objects, by their documentation: networkmanager.dev, upower.freedesktop.org, org.freedesktop.login1(5),
// power-profiles-daemon and ModemManager.
var (
	networkManager = object{"org.freedesktop.NetworkManager", "/org/freedesktop/NetworkManager", "org.freedesktop.NetworkManager", false}
	logind         = object{"org.freedesktop.login1", "/org/freedesktop/login1", "org.freedesktop.login1.Manager", false}
	upower         = object{"org.freedesktop.UPower", "/org/freedesktop/UPower", "org.freedesktop.UPower", true}
	battery        = object{"org.freedesktop.UPower", "/org/freedesktop/UPower/devices/DisplayDevice", "org.freedesktop.UPower.Device", true}
	profiles       = object{"org.freedesktop.UPower.PowerProfiles", "/org/freedesktop/UPower/PowerProfiles", "org.freedesktop.UPower.PowerProfiles", false}
	oldProfiles    = object{"net.hadess.PowerProfiles", "/net/hadess/PowerProfiles", "net.hadess.PowerProfiles", false} // before 0.20
	modems         = object{"org.freedesktop.ModemManager1", "/org/freedesktop/ModemManager1", "org.freedesktop.ModemManager1.Modem.Modem3gpp", false}

	objects = []object{networkManager, logind, upower, battery, profiles, oldProfiles, modems}
)

// properties are those of an object; of modems, which has none, those of all modems one over the other.
type properties = map[string]dbus.Variant // an alias, so that dbus knows it within other maps

const (
	propertiesInterface = "org.freedesktop.DBus.Properties"
	managerInterface    = "org.freedesktop.DBus.ObjectManager"
	ownerChanged        = "org.freedesktop.DBus.NameOwnerChanged" // a service has come, gone or been replaced

	reconnect  = 5 * time.Second // between two tries to reach the bus
	answerTime = 2 * time.Second // for a service to answer
	againTime  = 3 * time.Second // until one that has not is asked again
)

// watchBus sends what the services on the system's bus say, and again whenever that changes, until ctx ends. Without a
// bus they say nothing.
func watchBus(ctx context.Context, log *slog.Logger, to chan<- services) {
	last := ""
	for {
		err := followBus(ctx, to)
		if ctx.Err() != nil {
			return
		}
		if err.Error() != last { // a machine without a bus has none for long
			last = err.Error()
			log.Info("the system's D-Bus tells nothing of network, power and sleep", "err", err)
		}
		send(ctx, to, services{})
		wait(ctx, reconnect)
	}
}

func followBus(ctx context.Context, to chan<- services) error {
	conn, err := dbus.ConnectSystemBus(dbus.WithContext(ctx)) // which closes it
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	signals := make(chan *dbus.Signal, 64)
	conn.Signal(signals)
	if err := subscribe(ctx, conn); err != nil {
		return err
	}
	answers := map[object]properties{}
	late := renew(ctx, conn, answers, objects)
	for {
		send(ctx, to, servicesOf(answers))
		changed := late
		var again <-chan time.Time
		if len(late) > 0 {
			again = time.After(againTime)
		}
		select {
		case signal, open := <-signals:
			if !open {
				return errors.New("the bus has closed the connection")
			}
			changed = objectsOf(signal)
			if signal.Name == ownerChanged { // what the former one said is over
				maps.DeleteFunc(answers, func(o object, _ properties) bool { return slices.Contains(changed, o) })
			}
			changed = append(changed, late...)
		case <-again:
		}
		late = renew(ctx, conn, answers, changed)
	}
}

// renew puts what the objects say in the place of what they said. Those that do not answer in time are returned, to be asked
// again: they are only slow, so what they said holds until then.
func renew(ctx context.Context, conn *dbus.Conn, answers map[object]properties, objects []object) (late []object) {
	said, late := ask(ctx, conn, objects)
	for _, o := range objects {
		if p, answered := said[o]; answered {
			answers[o] = p
		} else if !slices.Contains(late, o) {
			delete(answers, o)
		}
	}
	return late
}

// subscribe asks for every signal after which an object may have other properties.
func subscribe(ctx context.Context, conn *dbus.Conn) error {
	for _, o := range objects {
		from, about := dbus.WithMatchSender(o.service), dbus.WithMatchArg(0, o.iface)
		matches := [][]dbus.MatchOption{
			{dbus.WithMatchSender("org.freedesktop.DBus"), dbus.WithMatchMember("NameOwnerChanged"), dbus.WithMatchArg(0, o.service)},
			{from, dbus.WithMatchInterface(propertiesInterface), dbus.WithMatchPathNamespace(o.path), about},
		}
		switch o {
		case logind: // whose property changes without a signal of its own
			matches = append(matches, []dbus.MatchOption{from, dbus.WithMatchInterface(o.iface), dbus.WithMatchMember("PrepareForSleep")})
		case modems:
			matches = append(matches, []dbus.MatchOption{from, dbus.WithMatchInterface(managerInterface)})
		}
		for _, match := range matches {
			if err := conn.AddMatchSignalContext(ctx, match...); err != nil {
				return fmt.Errorf("subscribe to %s: %w", o.service, err)
			}
		}
	}
	return nil
}

// objectsOf are the objects to be asked again after a signal. What else a signal says is not relied upon: anybody may
// send one.
func objectsOf(s *dbus.Signal) []object {
	var out []object
	for _, o := range objects {
		switch {
		case s.Name == ownerChanged:
			if len(s.Body) > 0 && s.Body[0] == o.service {
				out = append(out, o)
			}
		case s.Path == o.path, o == modems && strings.HasPrefix(string(s.Path), string(o.path)+"/"):
			out = append(out, o)
		}
	}
	return out
}

// ask asks all objects at once, and returns what they say and which have not answered in time. One that is not there is in
// neither.
func ask(ctx context.Context, conn *dbus.Conn, objects []object) (answers map[object]properties, late []object) {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	calls := make([]*dbus.Call, len(objects))
	for i, o := range objects {
		var flags dbus.Flags
		if !o.start {
			flags = dbus.FlagNoAutoStart
		}
		on := conn.Object(o.service, o.path)
		if o == modems {
			calls[i] = on.GoWithContext(ctx, managerInterface+".GetManagedObjects", flags, nil)
		} else {
			calls[i] = on.GoWithContext(ctx, propertiesInterface+".GetAll", flags, nil, o.iface)
		}
	}
	answers = map[object]properties{}
	for i, o := range objects {
		call := <-calls[i].Done
		var p properties
		switch {
		case errors.Is(call.Err, context.DeadlineExceeded):
			late = append(late, o)
			continue
		case o == modems:
			p = modemProperties(call)
		case call.Store(&p) != nil:
			continue
		}
		answers[o] = p
	}
	return answers, late
}

// modemProperties are those of all modems that know of roaming.
func modemProperties(call *dbus.Call) properties {
	var managed map[dbus.ObjectPath]map[string]properties
	if call.Store(&managed) != nil {
		return nil
	}
	out := properties{}
	for _, interfaces := range managed {
		if state := interfaces[modems.iface]; roams(state) || len(out) == 0 {
			maps.Copy(out, state)
		}
	}
	return out
}
