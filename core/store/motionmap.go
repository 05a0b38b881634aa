package store

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

// SaveMotionRecords notes where something moved. A record of the same camera and start replaces the one before it. Each is
// at most ten minutes long. CodeInvalid: a record has a slot that is not within it; then nothing is noted.
func (s *Store) SaveMotionRecords(ctx context.Context, records []nvr.MotionRecord) error {
	type key struct {
		camera nvr.CameraID
		us     int64
	}
	var arg dbsqlc.SaveMotionMapsParams
	known := make(map[key]bool, len(records))
	for _, r := range slices.Backward(records) { // the last of a start counts
		start, end := r.Start.Truncate(time.Microsecond), r.End.Truncate(time.Microsecond)
		packed, err := packSlots(r)
		if err != nil || end.Before(start) || end.Sub(start) > maxRecord {
			return &nvr.Error{Code: nvr.CodeInvalid, Message: fmt.Sprintf("the motion of %s from %s to %s is not ten minutes in order", r.Camera, start, end), Err: err}
		}
		if k := (key{r.Camera, start.UnixMicro()}); !known[k] {
			known[k] = true
			arg.Cameras, arg.Starts, arg.Ends = append(arg.Cameras, string(r.Camera)), append(arg.Starts, start), append(arg.Ends, end)
			arg.Slots = append(arg.Slots, packed)
		}
	}
	if len(records) == 0 {
		return nil
	}
	if err := s.q.SaveMotionMaps(ctx, arg); err != nil {
		return fmt.Errorf("note where something moved: %w", err)
	}
	return nil
}

// MotionRecords returns where something moved in front of a camera, ordered by start. What only touches r is among it.
func (s *Store) MotionRecords(ctx context.Context, camera nvr.CameraID, r nvr.TimeRange) ([]nvr.MotionRecord, error) {
	rows, err := s.q.MotionMaps(ctx, dbsqlc.MotionMapsParams{Camera: string(camera), Since: r.Start, Until: r.End})
	if err != nil {
		return nil, fmt.Errorf("find where something moved in front of %s: %w", camera, err)
	}
	out := make([]nvr.MotionRecord, len(rows))
	for i, row := range rows {
		out[i] = nvr.MotionRecord{Camera: camera, TimeRange: nvr.TimeRange{Start: row.StartAt.UTC(), End: row.EndAt.UTC()}}
		if out[i].Slots, err = unpackSlots(row.Slots, nvr.MotionSlotOf(row.StartAt)); err != nil {
			return nil, fmt.Errorf("read the motion of %s at %s: %w", camera, row.StartAt.UTC(), err)
		}
	}
	return out, nil
}

// Of each slot with motion is kept: a varint, how many slots it comes after the one before it, the first after the
// record's first; a byte n; and n bytes. These are the lengths of runs of cells that are not and are marked in turn, as
// varints, without the last run where that is not marked. A map that takes as much so is kept as its words instead, big
// endian: n is rawMap.
const rawMap = nvr.MotionCells / 8

const (
	maxRecord      = 10 * time.Minute
	slotsPerRecord = int64(maxRecord / nvr.MotionStep)
)

var (
	errSlots = errors.New("a slot is not within its record, or not after the one before it")
	errMaps  = errors.New("the packed maps are damaged; delete the row from motion_maps, nothing else is lost with it")
)

func packSlots(r nvr.MotionRecord) ([]byte, error) {
	first := nvr.MotionSlotOf(r.Start)
	out := []byte{}
	at := first
	for i := range r.Slots {
		index := r.Slots[i].Index
		if index < at || index > first+slotsPerRecord || (i > 0 && index == at) {
			return nil, errSlots
		}
		out = binary.AppendUvarint(out, uint64(index-at))
		out = packMap(out, &r.Slots[i].Map)
		at = index
	}
	return out, nil
}

func packMap(out []byte, m *nvr.MotionMap) []byte {
	head := len(out)
	out = append(out, 0)
	marked, start := false, 0
	for i := 0; i <= nvr.MotionCells; i++ {
		if i < nvr.MotionCells && m.Has(i) == marked {
			continue
		}
		if i < nvr.MotionCells || marked {
			out = binary.AppendUvarint(out, uint64(i-start))
		}
		marked, start = !marked, i
	}
	if n := len(out) - head - 1; n < rawMap {
		out[head] = byte(n)
		return out
	}
	out = append(out[:head], rawMap)
	for _, word := range m {
		out = binary.BigEndian.AppendUint64(out, word)
	}
	return out
}

// unpackSlots is the inverse of packSlots for a record whose first slot is first.
func unpackSlots(b []byte, first int64) ([]nvr.MotionSlot, error) {
	var out []nvr.MotionSlot
	at := first
	for len(b) > 0 {
		skip, n := binary.Uvarint(b)
		if n <= 0 || skip > uint64(slotsPerRecord) || n >= len(b) || (skip == 0 && len(out) > 0) {
			return nil, errMaps
		}
		at += int64(skip)
		size := int(b[n])
		b = b[n+1:]
		if size > rawMap || size > len(b) || at > first+slotsPerRecord {
			return nil, errMaps
		}
		slot := nvr.MotionSlot{Index: at}
		if err := unpackMap(b[:size], &slot.Map); err != nil {
			return nil, err
		}
		out, b = append(out, slot), b[size:]
	}
	return out, nil
}

func unpackMap(b []byte, m *nvr.MotionMap) error {
	if len(b) == rawMap {
		for i := range m {
			m[i] = binary.BigEndian.Uint64(b[8*i:])
		}
		return nil
	}
	marked, at := false, 0
	for len(b) > 0 {
		run, n := binary.Uvarint(b)
		if n <= 0 || run > uint64(nvr.MotionCells-at) {
			return errMaps
		}
		for end := at + int(run); at < end; at++ {
			if marked {
				m.Set(at)
			}
		}
		marked, b = !marked, b[n:]
	}
	return nil
}
