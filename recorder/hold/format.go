package hold

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
)

// wireLine is a line of the holds file as JSON. Times are UTC microseconds. A field is added, never changed.
type wireLine struct {
	Type    string         `json:"t"`
	ID      string         `json:"id,omitempty"`
	Kind    Kind           `json:"kind,omitempty"`
	Cameras []nvr.CameraID `json:"cameras,omitempty"`
	Start   int64          `json:"start,omitempty"`
	End     int64          `json:"end,omitempty"`
	Note    string         `json:"note,omitempty"`
	By      string         `json:"by,omitempty"`
	Created int64          `json:"created,omitempty"`
	IDs     []string       `json:"ids,omitempty"`
}

const (
	typeHold    = "hold"
	typeRelease = "release"
	// maxLine bounds a line: 256 cameras, and a note of which every character is escaped.
	maxLine = 64 << 10
	// releasesPerLine is how many released ids a rewritten file has in one line.
	releasesPerLine = 500
)

var errBadLine = errors.New("not a line of the holds file")

func marshalLine(w wireLine) ([]byte, error) {
	b, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("marshal a hold: %w", err)
	}
	return append(b, '\n'), nil
}

func marshalHold(h Hold) ([]byte, error) {
	return marshalLine(wireLine{
		Type: typeHold, ID: h.ID, Kind: h.Kind, Cameras: h.Cameras, Start: h.Range.Start.UnixMicro(), End: h.Range.End.UnixMicro(),
		Note: h.Note, By: h.By, Created: h.Created.UnixMicro(),
	})
}

func marshalRelease(ids ...string) ([]byte, error) {
	return marshalLine(wireLine{Type: typeRelease, IDs: ids})
}

// content is what one holds file says.
type content struct {
	holds    map[string]Hold     // also those that are released
	released map[string]struct{} // wins over holds, wherever its line stands
	kept     [][]byte            // lines that were not understood: damaged, or of a newer version
	whole    int64               // length without a torn last line
}

// parse reads a holds file. It fails only when r does.
func parse(r io.Reader) (*content, error) {
	c := &content{holds: make(map[string]Hold), released: make(map[string]struct{})}
	br := bufio.NewReaderSize(r, maxLine+1)
	for {
		line, err := br.ReadSlice('\n')
		length := int64(len(line))
		if errors.Is(err, bufio.ErrBufferFull) { // no line of ours is that long: it is not kept
			for errors.Is(err, bufio.ErrBufferFull) {
				line, err = br.ReadSlice('\n')
				length += int64(len(line))
			}
			line = []byte("{}\n")
		}
		if errors.Is(err, io.EOF) {
			return c, nil // a line without its end was never acknowledged
		}
		if err != nil {
			return nil, fmt.Errorf("read holds: %w", err)
		}
		c.whole += length
		if c.take(line) != nil {
			c.kept = append(c.kept, bytes.Clone(line))
		}
	}
}

func (c *content) take(line []byte) error {
	var w wireLine
	if err := json.Unmarshal(line, &w); err != nil {
		return errBadLine
	}
	switch w.Type {
	case typeHold:
		h := Hold{
			ID: w.ID, Kind: w.Kind, Cameras: w.Cameras, Note: w.Note, By: w.By, Created: time.UnixMicro(w.Created).UTC(),
			Range: nvr.TimeRange{Start: time.UnixMicro(w.Start).UTC(), End: time.UnixMicro(w.End).UTC()},
		}.normal()
		if !plausible(w.Created) || h.validate() != nil {
			return errBadLine
		}
		c.holds[h.ID] = h
		return nil
	case typeRelease:
		for _, id := range w.IDs {
			if _, err := parseID(id); err != nil {
				return errBadLine
			}
		}
		for _, id := range w.IDs {
			c.released[id] = struct{}{}
		}
		return nil
	default:
		return errBadLine
	}
}

// render returns the shortest file that says the same.
func render(holds map[string]Hold, released map[string]struct{}, kept [][]byte) ([]byte, error) {
	var out []byte
	for _, id := range slices.Sorted(maps.Keys(holds)) {
		line, err := marshalHold(holds[id])
		if err != nil {
			return nil, err
		}
		out = append(out, line...)
	}
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(released)), releasesPerLine) {
		line, err := marshalRelease(ids...)
		if err != nil {
			return nil, err
		}
		out = append(out, line...)
	}
	for _, line := range kept {
		out = append(out, line...)
	}
	return out, nil
}
