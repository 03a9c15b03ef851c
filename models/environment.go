package models

import "time"

// Environment is a place where releases of one model run, once a first
// promotion has named it.
type Environment struct {
	ID      int64
	ModelID int64
	Model   string
	Name    string
	Stable  int64 // id of the release that takes the traffic; 0 until it has had one
}

// Quarantine keeps a version that was rolled back out of an environment until
// a person lifts it.
type Quarantine struct {
	EnvironmentID int64
	VersionID     int64
	Version       int64
	PromotionID   int64 // that decided it
	Reason        string
	Since         time.Time
}

// EnvironmentStatus is what a person asks of an environment: what takes its
// traffic, and what is going on.
type EnvironmentStatus struct {
	Model      string
	Name       string
	Spec       EnvironmentSpec
	Releases   []ReleaseStatus // those that are up, the stable one first
	Promotion  *Promotion      // the unfinished one, else the last; nil: none yet
	Quarantine []Quarantine    // in force
}

// Stable gives the release that takes the traffic, if there is one.
func (e EnvironmentStatus) Stable() (ReleaseStatus, bool) {
	if len(e.Releases) > 0 && e.Releases[0].State == ReleaseLive {
		return e.Releases[0], true
	}
	return ReleaseStatus{}, false
}

// ReleaseStatus is a release with its share and its instances.
type ReleaseStatus struct {
	Release
	Weight   int
	Ready    int    // instances that answer
	Reason   string // why others do not, in a line
	Requests Sample // since this server started
}

// Route is where the requests of an environment go. The gateway holds one for
// each environment that has a release.
type Route struct {
	Model       string
	Environment string
	Releases    []RouteRelease // weights add up to 100, or are all 0
}

// RouteRelease is one release of a route. One without weight is reached by its
// own address only.
type RouteRelease struct {
	Number    int64
	Version   int64
	Stable    bool
	Weight    int // per cent
	Timeout   time.Duration
	Instances []RouteInstance
}

// RouteInstance is where one copy of a release answers.
type RouteInstance struct {
	ID      string
	Address string // host:port
}

// Outcome is how one request that was routed by weight ended.
type Outcome struct {
	Release int64 // number
	Failed  bool
}
