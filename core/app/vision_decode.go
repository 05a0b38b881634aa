package app

import (
	"context"
	"log/slog"
	"slices"
	"strings"

	"github.com/nightjar-nvr/nightjar/core/media/decode"
	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// decoders is the hardware that the cameras' configurations ask for, each kind opened once and shared. What cannot be
// opened is decoded in software, and told.
type decoders struct {
	log     *slog.Logger
	opened  map[decode.Accel]*decode.Hardware
	wanting map[nvr.CameraID]decode.Accel // cameras that asked for what is not there
	reasons []string
}

func newDecoders(log *slog.Logger) *decoders {
	return &decoders{log: log, opened: make(map[decode.Accel]*decode.Hardware), wanting: make(map[nvr.CameraID]decode.Accel)}
}

// hardware returns what a camera decodes on; nil is the processor.
func (d *decoders) hardware(id nvr.CameraID, asked decode.Accel) *decode.Hardware {
	h, tried := d.opened[asked]
	if !tried {
		var err error
		if h, err = decode.OpenHardware(asked); err != nil {
			d.reasons = append(d.reasons, message(err))
			d.log.Warn("decoding in software", "asked", string(asked), "reason", message(err))
		}
		d.opened[asked] = h
	}
	if h == nil && asked != "" && asked != decode.CPU && asked != decode.Auto {
		d.wanting[id] = asked
	}
	return h
}

// on names what is used, for display: "cpu", or the hardware in use.
func (d *decoders) on() string {
	names := []string{}
	for _, h := range d.opened {
		if name := string(h.Accel()); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return string(decode.CPU)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// problem is what a person should know, empty when all cameras got what they asked for.
func (d *decoders) problem() string {
	if len(d.wanting) == 0 {
		return ""
	}
	return strings.Join(d.reasons, "; ")
}

// run gives the devices back at the end. Decoders that are still open keep theirs until they close.
func (d *decoders) run(ctx context.Context) error {
	<-ctx.Done()
	for _, h := range d.opened {
		h.Close()
	}
	return ctx.Err()
}
