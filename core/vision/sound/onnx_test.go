package sound

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"
)

// toneModel writes a real ONNX model that hears tones: a bank of band filters, one per frequency, whose mean power is the
// score of a class. It is a few kilobytes of protobuf (github.com/onnx/onnx, onnx.proto), written by hand because nothing
// else here needs a library for it. It returns the path.
func toneModel(t testing.TB, shape []int64, names string, hz ...float64) string {
	t.Helper()
	const taps, gain = 256, 8
	var bank []float32
	for _, f := range hz {
		for i := range taps {
			hann := 0.5 - 0.5*math.Cos(2*math.Pi*float64(i)/taps)
			bank = append(bank, float32(4*hann*math.Cos(2*math.Pi*f*float64(i)/Rate)/taps))
		}
	}
	n := shape[len(shape)-1]

	graph := pb{}.
		bytes(1, node([]string{"x"}, []string{"waveform", "shape"}, "Reshape")).
		bytes(1, node([]string{"y"}, []string{"x", "bank"}, "Conv", intsAttribute("strides", 4))).
		bytes(1, node([]string{"power"}, []string{"y", "y"}, "Mul")).
		bytes(1, node([]string{"mean"}, []string{"power"}, "ReduceMean", intsAttribute("axes", 2), intAttribute("keepdims", 0))).
		bytes(1, node([]string{"loud"}, []string{"mean", "gain"}, "Mul")).
		bytes(1, node([]string{"scores"}, []string{"loud"}, "Tanh")).
		text(2, "tones").
		bytes(5, int64Tensor("shape", 1, 1, n)).
		bytes(5, floatTensor("bank", []int64{int64(len(hz)), 1, taps}, bank)).
		bytes(5, floatTensor("gain", []int64{1}, []float32{gain})).
		bytes(11, valueInfo("waveform", shape...)).
		bytes(12, valueInfo("scores", 1, int64(len(hz))))
	model := pb{}.varint(1, 8).bytes(7, graph).bytes(8, pb{}.text(1, "").varint(2, 13))
	if names != "" {
		model = model.bytes(14, pb{}.text(1, "names").text(2, names))
	}
	path := filepath.Join(t.TempDir(), "tones.onnx")
	if err := os.WriteFile(path, model, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// pb is a protobuf message being written.
type pb []byte

func (p pb) varint(field int, v uint64) pb {
	return binary.AppendUvarint(binary.AppendUvarint(p, uint64(field)<<3), v)
}

func (p pb) bytes(field int, b []byte) pb {
	p = binary.AppendUvarint(binary.AppendUvarint(p, uint64(field)<<3|2), uint64(len(b)))
	return append(p, b...)
}

func (p pb) text(field int, s string) pb { return p.bytes(field, []byte(s)) }

func node(out, in []string, op string, attributes ...pb) pb {
	var p pb
	for _, name := range in {
		p = p.text(1, name)
	}
	for _, name := range out {
		p = p.text(2, name)
	}
	p = p.text(4, op)
	for _, a := range attributes {
		p = p.bytes(5, a)
	}
	return p
}

func intAttribute(name string, v uint64) pb { return pb{}.text(1, name).varint(3, v).varint(20, 2) }

func intsAttribute(name string, v uint64) pb { return pb{}.text(1, name).varint(8, v).varint(20, 7) }

func int64Tensor(name string, values ...int64) pb {
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(v))
	}
	return pb{}.varint(1, uint64(len(values))).varint(2, 7).text(8, name).bytes(9, raw)
}

func floatTensor(name string, dims []int64, values []float32) pb {
	var p pb
	for _, d := range dims {
		p = p.varint(1, uint64(d))
	}
	var raw []byte
	for _, v := range values {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(v))
	}
	return p.varint(2, 1).text(8, name).bytes(9, raw)
}

func valueInfo(name string, dims ...int64) pb {
	var shape pb
	for _, d := range dims {
		shape = shape.bytes(1, pb{}.varint(1, uint64(d)))
	}
	return pb{}.text(1, name).bytes(2, pb{}.bytes(1, pb{}.varint(1, 1).bytes(2, shape)))
}

// pyNames writes names as Python does, the way of model metadata.
func pyNames(names ...string) string {
	s := "{"
	for i, n := range names {
		s += fmt.Sprintf("%d: '%s', ", i, n)
	}
	return s + "}"
}
