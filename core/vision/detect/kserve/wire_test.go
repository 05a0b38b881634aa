package kserve

import (
	"math"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

func TestBreaker(t *testing.T) {
	now := time.Unix(0, 0)
	b := breaker{now: func() time.Time { return now }}
	try := func(o outcome) (allowed bool) {
		ok, probe := b.allow()
		if ok {
			b.done(probe, o)
		}
		return ok
	}
	for _, o := range []outcome{failed, failed, succeeded, failed, failed, unknown} {
		if !try(o) || b.open() {
			t.Fatal("open without three failures in a row")
		}
	}
	if !try(failed) || !b.open() {
		t.Fatal("closed after three failures")
	}
	for _, seconds := range []int64{10, 20, 40, 60, 60} {
		now = now.Add(time.Duration(seconds)*time.Second - 1)
		if try(succeeded) {
			t.Fatalf("asked before %d s", seconds)
		}
		now = now.Add(1)
		if !try(failed) {
			t.Fatalf("not probed after %d s", seconds)
		}
	}
	now = now.Add(time.Minute)
	_, probe := b.allow()
	if ok, _ := b.allow(); ok || !probe {
		t.Fatal("two probes at once")
	}
	b.done(probe, unknown)
	if !try(succeeded) || b.open() || !try(failed) || b.open() {
		t.Fatal("not closed by a probe that succeeded")
	}
}

// answer writes a ModelInferResponse.
func answer(out Tensor, raw ...[]byte) []byte {
	t := appendShape(appendString(appendString(nil, 1, out.Name), 2, out.Datatype), 3, out.Shape)
	b := protowire.AppendBytes(protowire.AppendTag(nil, 5, protowire.BytesType), t)
	for _, r := range raw {
		b = protowire.AppendBytes(protowire.AppendTag(b, 6, protowire.BytesType), r)
	}
	return b
}

// Shapes may come packed or, from old encoders, one by one.
func TestShapesOneByOne(t *testing.T) {
	b := appendString(nil, 1, "x")
	for _, v := range []uint64{2, 3, math.MaxUint64} {
		b = protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), v)
	}
	if got, err := parseTensor(b); err != nil || !slices.Equal(got.Shape, []int64{2, 3, -1}) {
		t.Fatalf("%v %v", got, err)
	}
}

func TestAnswersWithMoreThanWasAskedFor(t *testing.T) {
	want := Tensor{Name: "o", Datatype: FP32, Shape: []int64{1}}
	one := answer(want, make([]byte, 4))
	dst := make([]float32, 1)
	if err := parseInfer(one, want, dst); err != nil {
		t.Fatal(err)
	}
	for name, msg := range map[string][]byte{
		"nothing": nil, "no contents": answer(want), "two contents": answer(want, make([]byte, 4), make([]byte, 4)),
		"two outputs": append(slices.Clone(one), one...), "cut": one[:len(one)-1],
	} {
		if parseInfer(msg, want, dst) == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// Whatever a server answers, it is an error or finite numbers of the shape that was asked for.
func FuzzAnswer(f *testing.F) {
	want := Tensor{Name: "o", Datatype: FP32, Shape: []int64{1, 2}}
	f.Add(answer(want, []byte{0, 0, 0x80, 0x3f, 0, 0, 0, 0}))
	f.Add(answer(want, []byte{0, 0, 0xc0, 0x7f, 0, 0, 0, 0}))
	f.Add(answer(Tensor{Name: "o", Datatype: FP32, Shape: []int64{1 << 62, -1}}, nil))
	f.Add([]byte{0x32, 0xff, 0xff, 0xff, 0xff, 0x0f})
	f.Fuzz(func(t *testing.T, msg []byte) {
		dst := make([]float32, 2)
		if parseInfer(msg, want, dst) == nil {
			for _, v := range dst {
				if math.IsNaN(float64(v)) || math.IsInf(float64(v), 0) {
					t.Fatalf("accepted %v", dst)
				}
			}
		}
		if m, err := parseMetadata(msg); err == nil && len(m.Inputs)+len(m.Outputs) > maxTensors {
			t.Fatal("too many tensors")
		}
		_, _ = parseBool(msg)
	})
}
