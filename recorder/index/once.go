package index

import "time"

// Once returns what of recs, which are in order of start, is played where a clock that was set back had them overlap: the
// recording that began first, then the rest of its run, and only from where that ends what else there is. A run is never left
// for pictures of another time in its middle. recs overlap a range that ends at until. What is left may still begin before the
// end of the one before it; whoever plays it begins with its first segment that does not.
func Once(recs []Recording, until time.Time) []Recording {
	i := firstOverlap(recs)
	if i < 0 {
		return recs
	}
	starts := make(map[int64]struct{}, len(recs)) // UTC microseconds
	for _, r := range recs {
		starts[r.Start.UnixMicro()] = struct{}{}
	}
	out := append([]Recording(nil), recs[:i]...)
	for _, r := range recs[i:] {
		last := out[len(out)-1].End()
		_, goesOn := starts[last.UnixMicro()]
		if r.Start.Before(last) && (goesOn || !last.Before(until) || !r.End().After(last)) {
			continue
		}
		out = append(out, r)
	}
	return out
}

// firstOverlap returns which of recs is the first that begins before the one before it has ended, or -1.
func firstOverlap(recs []Recording) int {
	for i := range recs {
		if i > 0 && recs[i].Start.Before(recs[i-1].End()) {
			return i
		}
	}
	return -1
}
