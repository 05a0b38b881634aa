package detect

import (
	"bytes"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/nightjar-nvr/nightjar/core/media/decode/footage"
)

// Models here are written or changed as protobuf (github.com/onnx/onnx, onnx.proto) by hand: nothing else needs a library.

// pb is a protobuf message being written.
type pb []byte

func (p pb) varint(field int, v uint64) pb {
	return binary.AppendUvarint(binary.AppendUvarint(p, uint64(field)<<3), v) //nolint:gosec // small constants
}

func (p pb) bytes(field int, b []byte) pb {
	p = binary.AppendUvarint(binary.AppendUvarint(p, uint64(field)<<3|2), uint64(len(b))) //nolint:gosec // small constants
	return append(p, b...)
}

func (p pb) text(field int, s string) pb { return p.bytes(field, []byte(s)) }

func node(out, op string, attributes []pb, in ...string) pb {
	var p pb
	for _, name := range in {
		p = p.text(1, name)
	}
	p = p.text(2, out).text(4, op)
	for _, a := range attributes {
		p = p.bytes(5, a)
	}
	return p
}

func ints(name string, values ...uint64) pb {
	p := pb{}.text(1, name)
	for _, v := range values {
		p = p.varint(8, v)
	}
	return p.varint(20, 7)
}

func tensor(name string, dims []uint64, kind uint64, raw []byte) pb {
	var p pb
	for _, d := range dims {
		p = p.varint(1, d)
	}
	return p.varint(2, kind).text(8, name).bytes(9, raw)
}

func floats(name string, dims []uint64, values []float32) pb {
	raw, _ := binary.Append(nil, binary.LittleEndian, values)
	return tensor(name, dims, 1, raw)
}

func int64s(name string, values ...int64) pb {
	raw, _ := binary.Append(nil, binary.LittleEndian, values)
	return tensor(name, []uint64{uint64(len(values))}, 7, raw)
}

func value(name string, batch pb, dims ...uint64) pb {
	shape := pb{}.bytes(1, batch)
	for _, d := range dims {
		shape = shape.bytes(1, pb{}.varint(1, d))
	}
	return pb{}.text(1, name).bytes(2, pb{}.bytes(1, pb{}.varint(1, 1).bytes(2, shape)))
}

// colourModel writes a detector of 32x32 pictures with three classes, each found in a box of its own with the mean of its
// colour as the score. shape0 is what its last Reshape does to the batch: 0 keeps it. With mixing, a picture's scores lean on
// those of the others.
func colourModel(t testing.TB, batch pb, shape0 int64, mixing bool) string {
	t.Helper()
	const classes, anchors = 3, 21
	weights, bias := make([]float32, 3*(4+classes)*anchors), make([]float32, (4+classes)*anchors)
	for c := range classes {
		anchor := c * 5
		weights[c*len(bias)+(4+c)*anchors+anchor] = 1
		for i, v := range []float32{6 + 10*float32(c), 16, 8, 12} { // centre and size
			bias[i*anchors+anchor] = v
		}
	}
	out := uint64(len(bias))
	graph := pb{}.
		bytes(1, node("mean", "ReduceMean", []pb{ints("axes", 2, 3), pb{}.text(1, "keepdims").varint(3, 0).varint(20, 2)}, "images")).
		bytes(1, node("weighed", "MatMul", nil, "mean", "weights")).
		bytes(1, node("flat", "Add", nil, "weighed", "bias"))
	last := "flat"
	if mixing {
		graph = graph.bytes(1, node("others", "ReduceMean", []pb{ints("axes", 0)}, "flat")).bytes(1, node("mixed", "Add", nil, "flat", "others"))
		last = "mixed"
	}
	graph = graph.bytes(1, node("output0", "Reshape", nil, last, "shape")).text(2, "colours").
		bytes(5, floats("weights", []uint64{3, out}, weights)).
		bytes(5, floats("bias", []uint64{out}, bias)).
		bytes(5, int64s("shape", shape0, 4+classes, anchors)).
		bytes(11, value("images", batch, 3, 32, 32)).
		bytes(12, value("output0", batch, 4+classes, anchors))
	names := pb{}.text(1, "names").text(2, "{0: 'red', 1: 'green', 2: 'blue'}")
	size := pb{}.text(1, "imgsz").text(2, "[32, 32]")
	model := pb{}.varint(1, 8).bytes(7, graph).bytes(8, pb{}.text(1, "").varint(2, 13)).bytes(14, names).bytes(14, size)
	path := filepath.Join(t.TempDir(), "colours.onnx")
	if err := os.WriteFile(path, model, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func freeAxis() pb          { return pb{}.text(2, "batch") }
func fixedAxis(n uint64) pb { return pb{}.varint(1, n) }

// field is one field of a protobuf message.
type field struct {
	number int
	wire   int
	body   []byte // of wire type 2 without its length, else with all its bytes
}

func parse(t testing.TB, msg []byte) (fields []field) {
	t.Helper()
	for len(msg) > 0 {
		tag, n := binary.Uvarint(msg)
		f := field{number: int(tag >> 3), wire: int(tag & 7)} //nolint:gosec // a test's own model
		msg = msg[n:]
		size := map[int]int{1: 8, 5: 4}[f.wire]
		switch f.wire {
		case 0:
			_, size = binary.Uvarint(msg)
		case 2:
			l, n := binary.Uvarint(msg)
			msg, size = msg[n:], int(l) //nolint:gosec // a test's own model
		}
		f.body, msg = msg[:size], msg[size:]
		fields = append(fields, f)
	}
	return fields
}

// change rewrites the message at a path of field numbers, wherever it occurs; nil takes it away.
func change(t testing.TB, msg []byte, how func(body []byte) []byte, path ...int) (out pb) {
	t.Helper()
	for _, f := range parse(t, msg) {
		body := f.body
		if f.wire == 2 && f.number == path[0] {
			if len(path) > 1 {
				body = change(t, body, how, path[1:]...)
			} else if body = how(body); body == nil {
				continue
			}
		}
		if f.wire == 2 {
			out = out.bytes(f.number, body)
		} else {
			out = append(binary.AppendUvarint(out, uint64(f.number)<<3|uint64(f.wire)), body...) //nolint:gosec // small constants
		}
	}
	return out
}

func texts(t testing.TB, msg []byte, number int) (all []string) {
	t.Helper()
	for _, f := range parse(t, msg) {
		if f.number == number && f.wire == 2 {
			all = append(all, string(f.body))
		}
	}
	return all
}

// withBatch writes a copy of a shared model that takes another number of pictures: its shapes begin with 1, in Reshape too.
func withBatch(t testing.TB, name string, axis pb) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(footage.Dir(t), "models", name))
	if err != nil {
		t.Fatal(err)
	}
	var shapes []string
	change(t, data, func(n []byte) []byte {
		if slices.Contains(texts(t, n, 4), "Reshape") {
			shapes = append(shapes, texts(t, n, 1)[1])
		}
		return n
	}, 7, 1)
	keep := func(initializer []byte) []byte {
		if !slices.Contains(shapes, texts(t, initializer, 8)[0]) {
			return initializer
		}
		return change(t, initializer, func(raw []byte) []byte {
			return append(make([]byte, 8), raw[8:]...) // 0: as it comes in
		}, 9)
	}
	first := func(shape []byte) []byte {
		dims := parse(t, shape)
		out := pb{}.bytes(1, axis)
		for _, d := range dims[1:] {
			out = out.bytes(1, d.body)
		}
		return out
	}
	out := change(t, data, keep, 7, 5)
	for _, io := range []int{11, 12} {
		out = change(t, out, first, 7, io, 2, 1, 2)
	}
	out = change(t, out, func([]byte) []byte { return nil }, 7, 13) // shapes in between
	if bytes.Equal(out, data) || math.Abs(float64(len(out)-len(data))) > 1<<20 {
		t.Fatalf("%s: %d bytes became %d", name, len(data), len(out))
	}
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, out, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
