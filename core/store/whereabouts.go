package store

import (
	"encoding/json"
	"fmt"
	"math"
	"time"

	"github.com/nightjar-nvr/nightjar/core/nvr"
	"github.com/nightjar-nvr/nightjar/core/store/dbsqlc"
)

// packPath writes a path as [[x, y, milliseconds after the start], …] with a ten-thousandth of the picture: a quarter of
// what named fields take, for a column that is most of an event's row.
func packPath(path []nvr.PathPoint) ([]byte, error) {
	rows := make([][3]float64, len(path))
	round := func(v float32) float64 { return math.Round(float64(v)*1e4) / 1e4 }
	for i, p := range path {
		rows[i] = [3]float64{round(p.X), round(p.Y), float64(p.After.Milliseconds())}
	}
	return json.Marshal(rows)
}

func unpackPath(b []byte) ([]nvr.PathPoint, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var rows [][3]float64
	if err := json.Unmarshal(b, &rows); err != nil {
		return nil, fmt.Errorf("read path of an event: %w", err)
	}
	var out []nvr.PathPoint
	for _, r := range rows {
		out = append(out, nvr.PathPoint{Point: nvr.Point{X: float32(r[0]), Y: float32(r[1])}, After: time.Duration(r[2]) * time.Millisecond})
	}
	return out, nil
}

// setWhereabouts fills in the columns of where an object was.
func setWhereabouts(p *dbsqlc.SaveEventParams, e nvr.Event) (err error) {
	// Null and nothing would be two values of the same meaning: the columns know only the second.
	p.Zones, p.EnteredZones = append([]string{}, e.Zones...), append([]string{}, e.EnteredZones...)
	p.Speed, p.MaxSpeed = e.Speed, e.MaxSpeed
	if p.Crossings, err = json.Marshal(append([]nvr.Crossing{}, e.Crossings...)); err != nil {
		return fmt.Errorf("write crossings of event %s: %w", e.ID, err)
	}
	if p.Path, err = packPath(e.Path); err != nil {
		return fmt.Errorf("write path of event %s: %w", e.ID, err)
	}
	return nil
}

func whereaboutsOf(row dbsqlc.Event, e *nvr.Event) (err error) {
	if len(row.Zones) > 0 {
		e.Zones = row.Zones
	}
	if len(row.EnteredZones) > 0 {
		e.EnteredZones = row.EnteredZones
	}
	e.Speed, e.MaxSpeed = row.Speed, row.MaxSpeed
	if len(row.Crossings) > 0 {
		if err := json.Unmarshal(row.Crossings, &e.Crossings); err != nil {
			return fmt.Errorf("read crossings of event %s: %w", e.ID, err)
		}
		if len(e.Crossings) == 0 {
			e.Crossings = nil
		}
	}
	e.Path, err = unpackPath(row.Path)
	return err
}
