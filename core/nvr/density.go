package nvr

import "time"

// EventBucket is how many events of one label begin in one stretch of time.
type EventBucket struct {
	Camera CameraID
	Label  string
	Start  time.Time // of the bucket, UTC
	Count  int
}
