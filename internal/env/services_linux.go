package env

import (
	"math"

	"github.com/ebb-transfer/ebb/internal/sched"
	"github.com/ebb-transfer/ebb/job"
)

// Values of NetworkManager (NMState, NMConnectivityState, NMMetered) and ModemManager (MMModem3gppRegistrationState).
const (
	stateAsleep       uint32 = 10 // networking is switched off
	stateDisconnected uint32 = 20
	connectivityNone  uint32 = 1
	meteredYes        uint32 = 1
	meteredNo         uint32 = 2
	meteredGuessYes   uint32 = 3
	meteredGuessNo    uint32 = 4
	roaming           uint32 = 5
	roamingSMSOnly    uint32 = 7
	roamingNoFallback uint32 = 10
	profilePowerSaver        = "power-saver"
)

// servicesOf makes of properties what they say.
func servicesOf(answers map[object]properties) services {
	nm, runs := answers[networkManager]
	state := value[uint32](nm, "State")
	return services{
		manages:      runs,
		disconnected: state == stateAsleep || state == stateDisconnected || value[uint32](nm, "Connectivity") == connectivityNone,
		cost:         costOf(nm, answers[modems]),
		asleep:       value[bool](answers[logind], "PreparingForSleep"),
		power:        powerOf(answers),
	}
}

// costOf is what the network of NetworkManager's primary connection costs.
func costOf(nm, modem properties) job.Cost {
	if kind := value[string](nm, "PrimaryConnectionType"); (kind == "gsm" || kind == "cdma") && roams(modem) {
		return job.CostRoaming
	}
	switch value[uint32](nm, "Metered") {
	case meteredYes, meteredGuessYes:
		return job.CostCapped
	case meteredNo, meteredGuessNo:
		return job.CostUnrestricted
	default:
		return 0
	}
}

func roams(modem properties) bool {
	state := value[uint32](modem, "RegistrationState")
	return state == roaming || state == roamingSMSOnly || state == roamingNoFallback
}

func powerOf(answers map[object]properties) sched.Power {
	if !value[bool](answers[upower], "OnBattery") {
		return sched.Power{}
	}
	power := sched.Power{Battery: true}
	if value[bool](answers[battery], "IsPresent") {
		power.Percent = int(math.Ceil(value[float64](answers[battery], "Percentage"))) // 0 is unknown
	}
	for _, o := range []object{profiles, oldProfiles} {
		power.Saver = power.Saver || value[string](answers[o], "ActiveProfile") == profilePowerSaver
	}
	return power
}

// value is a property; the zero value when it is missing or of another type.
func value[T any](p properties, name string) T {
	v, _ := p[name].Value().(T)
	return v
}
