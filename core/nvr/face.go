package nvr

import "time"

// IdentityState says what is known of who somebody is.
type IdentityState string

// The states of an identity. None is for what has no face, and for people whose face was never seen well enough.
const (
	IdentityNone    IdentityState = ""
	IdentityKnown   IdentityState = "known"
	IdentityUnknown IdentityState = "unknown" // seen well enough, and nobody of the library
)

// Identity is who an object is taken to be.
type Identity struct {
	State      IdentityState
	PersonID   string  // for IdentityKnown
	Name       string  // of that person
	Similarity float32 // how sure that is, 0..1; 1 when a person said so
}

// Same reports whether both name the same, however sure.
func (i Identity) Same(o Identity) bool {
	return i.State == o.State && i.PersonID == o.PersonID && i.Name == o.Name
}

// Embedding describes a face: dlib's 128 numbers. It is biometric data and never leaves Nightjar.
type Embedding [128]float32

// Person is someone the face library knows.
type Person struct {
	ID        string
	Name      string
	CreatedAt time.Time
	Samples   int       // faces enrolled
	Cover     string    // id of the best of them; empty without any
	Events    int64     // that name this person
	LastSeen  time.Time // start of the latest of them; zero without any
}

// FaceSource says how a face came into the library.
type FaceSource string

// The sources of faces.
const (
	FaceUpload FaceSource = "upload"
	FaceEvent  FaceSource = "event"
)

// FaceSample is one face: of the library when it has a person, of the inbox of unknown faces otherwise.
type FaceSample struct {
	ID        string // UUIDv7
	PersonID  string // empty: in the inbox
	MatchedID string // of the inbox: the person it has turned out to be; it is not shown then
	Source    FaceSource
	Camera    CameraID // empty for uploads
	EventID   string   // empty for uploads
	Seen      time.Time
	Embedding Embedding
	Quality   float32 // 0..1
	Size      int     // side of the face in pixels of the picture it is from
	JPEG      []byte  // at most 32 KB; empty with DuplicateOf
	// DuplicateOf is, in the inbox, the like face that is shown instead.
	DuplicateOf string
}

// KnownFace is one face of the library.
type KnownFace struct {
	PersonID, Name string
	Embedding      Embedding
}

// FaceMatch says whose a face of the inbox turned out to be.
type FaceMatch struct {
	SampleID   string
	EventID    string  // empty: none
	PersonID   string  // empty: nobody's any more
	Similarity float32 // 0..1
}

// FaceCounts is how many there are.
type FaceCounts struct {
	Persons, Samples int
	Inbox            int // as shown: without those that are like another or turned out to be somebody
}
