package decode

/*
#include "shim.h"
*/
import "C"

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"unsafe"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// Accel is what decodes: the processor, or a kind of hardware.
type Accel string

// What can be asked for. Auto is the first hardware that works, else the processor.
const (
	CPU   Accel = "cpu"
	Auto  Accel = "auto"
	VAAPI Accel = "vaapi" // AMD and Intel graphics on Linux
	CUDA  Accel = "cuda"  // NVIDIA, by NVDEC
	QSV   Accel = "qsv"   // Intel Quick Sync
)

// Hardware is an opened device that decoders share. A nil Hardware is the processor.
type Hardware struct {
	accel  Accel
	mu     sync.Mutex
	device unsafe.Pointer // nil once closed
}

// hardwareKinds are tried in this order by Auto. Quick Sync comes last: VAAPI drives the same chips with less between.
func hardwareKinds() []Accel { return []Accel{CUDA, VAAPI, QSV} }

// OpenHardware opens what a configuration asks for: nil for CPU, and for Auto where there is no hardware. The error is an
// *nvr.Error that says why the hardware cannot be used and what to do; decoding in software is still possible then.
func OpenHardware(a Accel) (*Hardware, error) {
	switch a {
	case "", CPU:
		return nil, nil //nolint:nilnil // nil is the processor
	case Auto:
		for _, k := range hardwareKinds() {
			if h, err := openDevice(k); err == nil {
				return h, nil
			}
		}
		return nil, nil //nolint:nilnil // nil is the processor
	case VAAPI, CUDA, QSV:
		return openDevice(a)
	}
	return nil, &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf(
		"pictures cannot be decoded on %q; want auto, cpu, vaapi, cuda or qsv", a)}
}

func openDevice(a Accel) (*Hardware, error) {
	h := &Hardware{accel: a}
	if len(builtCodecs(a)) == 0 {
		return nil, &nvr.Error{Code: nvr.CodeUnavailable, Message: unusable(a, false, "", renderNodes())}
	}
	if rc := C.nj_device_open(h.kind(), &h.device); rc < 0 { //nolint:gocritic // dupSubExpr looks at what cgo makes of it
		return nil, &nvr.Error{Code: nvr.CodeUnavailable, Message: unusable(a, true, avError(rc), renderNodes())}
	}
	return h, nil
}

// Close gives the device back. All decoders on it must be closed. It may be called twice, and on nil.
func (h *Hardware) Close() {
	if h == nil {
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.device != nil {
		C.nj_device_close(h.device)
		h.device = nil
	}
}

// Accel returns the kind of hardware, CPU for nil.
func (h *Hardware) Accel() Accel {
	if h == nil {
		return CPU
	}
	return h.accel
}

func (h *Hardware) kind() C.int { return kindOf(h.Accel()) }

// use calls open with the device, nil for the processor, and not at all once the hardware is closed. A decoder takes its own
// hold of the device meanwhile, so Close must wait.
func (h *Hardware) use(open func(device unsafe.Pointer)) {
	if h == nil {
		open(nil)
		return
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.device != nil {
		open(h.device)
	}
}

func kindOf(a Accel) C.int {
	switch a {
	case VAAPI:
		return C.NJ_VAAPI
	case CUDA:
		return C.NJ_CUDA
	case QSV:
		return C.NJ_QSV
	case CPU, Auto:
	}
	return C.NJ_CPU
}

// AccelState says whether this machine can decode on something.
type AccelState struct {
	Accel     Accel    `json:"accel"`
	Available bool     `json:"available"`
	Codecs    []string `json:"codecs"`           // that libavcodec was built to decode on it
	Reason    string   `json:"reason,omitempty"` // why not, and what to do; empty when available
}

// Accels tries everything that can decode. It takes up to some hundred milliseconds where there is hardware.
func Accels() []AccelState {
	states := []AccelState{{Accel: CPU, Available: true, Codecs: builtCodecs(CPU)}}
	for _, a := range []Accel{VAAPI, CUDA, QSV} {
		s := AccelState{Accel: a, Codecs: builtCodecs(a)}
		h, err := openDevice(a)
		if err != nil {
			s.Reason = err.Error()
		} else {
			s.Available = true
			h.Close()
		}
		states = append(states, s)
	}
	return states
}

func builtCodecs(a Accel) []string {
	names := []string{}
	for i, name := range []string{"H.264", "H.265", "AV1"} {
		if C.nj_built(kindOf(a), C.int(i)) != 0 {
			names = append(names, name)
		}
	}
	return names
}

// renderNodes are the graphics devices that this process can see.
func renderNodes() []string {
	nodes, _ := filepath.Glob("/dev/dri/renderD*") // the pattern is well formed
	return nodes
}

// unusable is the sentence for hardware that cannot be used: built says that libavcodec knows it, cause is what the
// driver said, and nodes are the graphics devices there are.
func unusable(a Accel, built bool, cause string, nodes []string) string {
	name := map[Accel]string{VAAPI: "VAAPI", CUDA: "CUDA (NVDEC)", QSV: "Quick Sync"}[a]
	if !built {
		return name + " cannot decode: the installed libavcodec was built without it; install one that has it, or decode on the cpu"
	}
	next := "install the graphics driver (intel-media-va-driver or mesa-va-drivers) and see what vainfo says"
	switch {
	case a == CUDA:
		next = "install NVIDIA's driver, and in a container start it with the NVIDIA runtime and the video capability"
	case len(nodes) == 0:
		next = "there is no graphics device below /dev/dri: in a container, pass it with --device /dev/dri"
	case !readable(nodes):
		next = "this user may not open " + strings.Join(nodes, " or ") + ": add it to the group render"
	case a == QSV:
		next = "install intel-media-va-driver-non-free and libmfx-gen or libmfx; vaapi drives the same chip"
	}
	return fmt.Sprintf("%s cannot decode: the device does not open (%s); %s", name, cause, next)
}

func readable(nodes []string) bool {
	for _, n := range nodes {
		f, err := os.OpenFile(n, os.O_RDWR, 0) //nolint:gosec // a device below /dev/dri
		if err == nil {
			_ = f.Close()
			return true
		}
	}
	return false
}

func avError(code C.int) string {
	var text [128]C.char
	C.nj_error(code, &text[0], C.int(len(text)))
	return C.GoString(&text[0])
}

// trouble counts units in a row that failed without a picture between them.
type trouble int

// maxTrouble is about two seconds of a stream: a driver that hangs or was reset gives no picture any more, while a
// damaged unit costs at most the rest of its group.
const maxTrouble = 30

func (t *trouble) note(failed, picture bool) {
	switch {
	case picture:
		*t = 0
	case failed:
		*t++
	}
}

// over says that the hardware had its chance: from the next key frame on the stream is decoded in software.
func (t *trouble) over() bool { return *t >= maxTrouble }
