// Package face finds faces in pictures and tells whose they are: Engine turns a crop of a person into embeddings with
// go-face (dlib), Gallery compares them with known people, Vote gathers what several tries at one track say, and Group
// sorts unknown faces by likeness. A Recogniser with a Watcher per camera does all that for tracked people. It stores nothing
// and decides nothing about events.
//
// go-face needs BLAS under a name that Debian lacks: lib/libcblas.a forwards it. It also compiles for the machine it is
// built on; only what make builds runs on others, see core/deploy/cxx.sh.
package face

import (
	"math"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Embedding is dlib's description of a face. Pictures of one person are mostly less than 0.6 apart.
type Embedding [128]float32

// Distance returns the Euclidean distance of two embeddings.
func (e *Embedding) Distance(o *Embedding) float64 {
	var sum float64
	for i := range e {
		d := float64(e[i] - o[i])
		sum += d * d
	}
	return math.Sqrt(sum)
}

// Face is one face in a picture.
type Face struct {
	Box       nvr.Box // fractions of the picture that was given
	Embedding Embedding
	Size      int // side of the face in pixels of the picture that was given, before any scaling
	Quality   Quality
}

// Reason says why a face should not be used to tell who it is.
type Reason string

// The reasons, in the order in which they are looked for.
const (
	Fit      Reason = "" // it can be used
	TooSmall Reason = "too small"
	TooDark  Reason = "too dark"
	TooLight Reason = "too light"
	Blurred  Reason = "blurred"
	Turned   Reason = "turned away"
	CutOff   Reason = "cut off by the edge"
)

// Quality is what the quality gate measured.
type Quality struct {
	Score      float32 // 0..1, the worst of its parts; a vote counts as much
	Reason     Reason  // why the face is unfit, Fit when it is not
	Sharpness  float32 // variance of the Laplacian over that of the grey values, of the face scaled down to 112×112
	Brightness float32 // mean grey value, 0..255
	Yaw        float32 // how far the nose is from the middle of the eyes, in distances of the eyes: 0 is frontal, 0.5 half turned
}
