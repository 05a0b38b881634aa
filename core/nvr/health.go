package nvr

import "time"

// HealthProblem is what is wrong with a camera's pictures or its clock. It is also the label of the camera event.
type HealthProblem string

// The problems a camera can have.
const (
	HealthBlack   HealthProblem = "black"   // nothing but black
	HealthFrozen  HealthProblem = "frozen"  // the same coded picture arrives again and again
	HealthCovered HealthProblem = "covered" // what was in view is hidden
	HealthBlurred HealthProblem = "blurred" // much less sharp than usual
	HealthMoved   HealthProblem = "moved"   // looks elsewhere
	HealthSlow    HealthProblem = "slow"    // far under its usual frame rate
	HealthClock   HealthProblem = "clock"   // its wall clock is wrong
)

// HealthProblems returns all problems, the gravest of the picture first.
func HealthProblems() []HealthProblem {
	return []HealthProblem{HealthBlack, HealthFrozen, HealthCovered, HealthMoved, HealthBlurred, HealthSlow, HealthClock}
}

// HealthState is a problem that a camera has now.
type HealthState struct {
	Problem HealthProblem
	Since   time.Time
	Detail  string // one sentence for a person
}

// HealthChange reports that a problem of a camera began or ended.
type HealthChange struct {
	Camera  CameraID
	Problem HealthProblem
	Active  bool
	Since   time.Time // when the problem was first seen, some time before it was certain
	Time    time.Time // of this change
	Detail  string    // one sentence for a person: what is wrong and what to look at; empty when the problem ended
	JPEG    []byte    // the picture of then; nil where none could be had
}
