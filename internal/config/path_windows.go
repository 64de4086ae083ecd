package config

import (
	"fmt"
	"path/filepath"
)

func folder(getenv func(string) string, system bool) (string, error) {
	variable := "AppData"
	if system {
		variable = "ProgramData"
	}
	base := getenv(variable)
	if base == "" {
		return "", fmt.Errorf("%s is not set: set EBB_CONFIG to the path of the configuration file", variable)
	}
	return filepath.Join(base, "ebb"), nil
}
