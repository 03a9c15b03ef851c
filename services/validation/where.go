package validation

import "runtime"

// where tells where validations run, as far as figures may differ by it.
func (s *Service) where() map[string]string {
	return map[string]string{"slipway": s.Settings.Version, "platform": runtime.GOOS + "/" + runtime.GOARCH, "machine": ReadMachine().String()}
}
