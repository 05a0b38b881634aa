package nvr

import "time"

// SoundLabel is the label of a sound that was noticed by its level alone.
const SoundLabel = "sound"

// SoundLevel is how loud it was at a camera in one second. Levels are in dBFS: 0 is a square wave of full scale, so a sine
// of full scale has -3.
type SoundLevel struct {
	Camera CameraID
	Time   time.Time // end of the second
	RMS    float32   // dBFS, at least SoundSilence
	Peak   float32   // dBFS of the largest sample
	Floor  float32   // dBFS, what is taken for background noise
}

// SoundSilence is the level told for digital silence, dBFS.
const SoundSilence = -100

// SoundChange reports that a sound began or ended.
type SoundChange struct {
	Camera CameraID
	Label  string // SoundLabel, or what a classifier heard
	Active bool
	Since  time.Time // when it began, some time before it was certain
	Time   time.Time // of this change
	Score  float32   // 0..1, of the classifier, highest so far; 0 for SoundLabel
	Level  float32   // dBFS, the loudest so far
	JPEG   []byte    // the picture of then; nil where none could be had
}
