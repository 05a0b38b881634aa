package nvr

// The labels of events that no model names. Problems of pictures and sounds have theirs: see HealthProblem and SoundLabel.
const (
	OfflineLabel = "offline" // of a camera that does not answer
	MotionLabel  = "motion"  // of motion, where nothing detects objects
)
