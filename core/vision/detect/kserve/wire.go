package kserve

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
)

// The messages are written and read by hand: four calls need few fields, and a picture of megabytes goes into the
// request and out of the answer with one copy each. Field numbers are those of the Open Inference Protocol, see
// kservetest/kserve.proto.

// Tensor is the name, type (FP32, ...) and shape of a model's input or output; -1 is a dimension that is free.
type Tensor struct {
	Name     string
	Datatype string
	Shape    []int64
}

// Metadata is what a server says about a model.
type Metadata struct {
	Inputs, Outputs []Tensor
}

var errWire = errors.New("the answer is not a valid message")

// codec lets gRPC carry messages that are bytes already. It is named as the codec whose format it carries.
type codec struct{}

func (codec) Name() string { return "proto" }

func (codec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(mem.Buffer)
	if !ok {
		return nil, fmt.Errorf("marshal %T", v)
	}
	b.Ref() // gRPC frees what it was given
	return mem.BufferSlice{b}, nil
}

func (codec) Unmarshal(data mem.BufferSlice, v any) error {
	out, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("unmarshal %T", v)
	}
	*out = slices.Grow((*out)[:0], data.Len())[:data.Len()]
	data.CopyTo(*out)
	return nil
}

func appendString(b []byte, field protowire.Number, s string) []byte {
	if s == "" {
		return b
	}
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

// modelRequest is a ModelReadyRequest or ModelMetadataRequest.
func modelRequest(name, version string) []byte {
	return appendString(appendString(nil, 1, name), 2, version)
}

func appendShape(b []byte, field protowire.Number, shape []int64) []byte {
	var packed []byte
	for _, d := range shape {
		packed = protowire.AppendVarint(packed, uint64(d)) //nolint:gosec // int64 fields are varints of the same bits
	}
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), packed)
}

// inferRequest writes a ModelInferRequest with one raw input, asking for one output, into a buffer of gRPC's pool.
func inferRequest(model, version string, in Tensor, data []float32, out string) mem.Buffer {
	input := appendShape(appendString(appendString(nil, 1, in.Name), 2, in.Datatype), 3, in.Shape)
	head := appendString(appendString(nil, 1, model), 2, version)
	head = protowire.AppendBytes(protowire.AppendTag(head, 5, protowire.BytesType), input)
	head = protowire.AppendBytes(protowire.AppendTag(head, 6, protowire.BytesType), appendString(nil, 1, out))
	head = protowire.AppendVarint(protowire.AppendTag(head, 7, protowire.BytesType), uint64(4*len(data)))
	pool := mem.DefaultBufferPool()
	buf := pool.Get(len(head) + 4*len(data))
	raw := (*buf)[copy(*buf, head):]
	for i, v := range data {
		binary.LittleEndian.PutUint32(raw[4*i:], math.Float32bits(v))
	}
	return mem.NewBuffer(buf, pool)
}

// fields calls f for every field of a message. Varints come as v, strings and messages as b, other kinds are skipped.
func fields(msg []byte, f func(n protowire.Number, t protowire.Type, b []byte, v uint64) error) error {
	for len(msg) > 0 {
		n, t, size := protowire.ConsumeTag(msg)
		if size < 0 {
			return errWire
		}
		msg = msg[size:]
		var b []byte
		var v uint64
		switch t {
		case protowire.BytesType:
			b, size = protowire.ConsumeBytes(msg)
		case protowire.VarintType:
			v, size = protowire.ConsumeVarint(msg)
		default:
			size = protowire.ConsumeFieldValue(n, t, msg)
		}
		if size < 0 {
			return errWire
		}
		msg = msg[size:]
		if err := f(n, t, b, v); err != nil {
			return err
		}
	}
	return nil
}

// parseBool reads field 1 of a ServerLiveResponse or ModelReadyResponse.
func parseBool(msg []byte) (yes bool, err error) {
	err = fields(msg, func(n protowire.Number, t protowire.Type, _ []byte, v uint64) error {
		if n == 1 && t == protowire.VarintType {
			yes = v != 0
		}
		return nil
	})
	return yes, err
}

const (
	maxTensors    = 64
	maxDimensions = 8
)

// parseTensor reads the fields that TensorMetadata and InferOutputTensor share.
func parseTensor(msg []byte) (t Tensor, err error) {
	err = fields(msg, func(n protowire.Number, kind protowire.Type, b []byte, v uint64) error {
		switch {
		case n == 1 && kind == protowire.BytesType:
			t.Name = string(b)
		case n == 2 && kind == protowire.BytesType:
			t.Datatype = string(b)
		case n == 3 && kind == protowire.VarintType:
			t.Shape = append(t.Shape, int64(v)) //nolint:gosec // the same bits
		case n == 3 && kind == protowire.BytesType:
			for len(b) > 0 && len(t.Shape) <= maxDimensions {
				v, size := protowire.ConsumeVarint(b)
				if size < 0 {
					return errWire
				}
				t.Shape, b = append(t.Shape, int64(v)), b[size:] //nolint:gosec // the same bits
			}
		}
		if len(t.Shape) > maxDimensions {
			return fmt.Errorf("a tensor has more than %d dimensions", maxDimensions)
		}
		return nil
	})
	return t, err
}

// parseMetadata reads a ModelMetadataResponse.
func parseMetadata(msg []byte) (m Metadata, err error) {
	err = fields(msg, func(n protowire.Number, kind protowire.Type, b []byte, _ uint64) error {
		if kind != protowire.BytesType || n != 4 && n != 5 {
			return nil
		}
		t, err := parseTensor(b)
		if err != nil {
			return err
		}
		if n == 4 {
			m.Inputs = append(m.Inputs, t)
		} else {
			m.Outputs = append(m.Outputs, t)
		}
		if len(m.Inputs)+len(m.Outputs) > maxTensors {
			return fmt.Errorf("the model has more than %d tensors", maxTensors)
		}
		return nil
	})
	return m, err
}

// parseInfer reads a ModelInferResponse and puts the one tensor that was asked for into dst. Whatever is not exactly
// that tensor, complete and with finite numbers, is an error.
func parseInfer(msg []byte, want Tensor, dst []float32) error {
	var outputs []Tensor
	var raw []byte
	raws := 0
	err := fields(msg, func(n protowire.Number, kind protowire.Type, b []byte, _ uint64) error {
		switch {
		case kind != protowire.BytesType:
		case n == 5:
			t, err := parseTensor(b)
			if err != nil {
				return err
			}
			if outputs = append(outputs, t); len(outputs) > 1 {
				return errors.New("the answer has more than the one output that was asked for")
			}
		case n == 6:
			raw = b
			raws++
		}
		return nil
	})
	if err != nil {
		return err
	}
	if len(outputs) != 1 || raws != 1 {
		return fmt.Errorf("the answer has %d outputs and %d raw contents, want one of each", len(outputs), raws)
	}
	got := outputs[0]
	if got.Name != want.Name || got.Datatype != want.Datatype || !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("the answer is %q %.16q %v, want %q %s %v",
			got.Name, got.Datatype, got.Shape, want.Name, want.Datatype, want.Shape)
	}
	if len(raw) != 4*len(dst) {
		return fmt.Errorf("the answer has %d bytes, want %d", len(raw), 4*len(dst))
	}
	return floats(dst, raw)
}

func floats(dst []float32, raw []byte) error {
	const exponent = 0x7f800000 // all ones: not a number, or infinite
	for i := range dst {
		bits := binary.LittleEndian.Uint32(raw[4*i:])
		if bits&exponent == exponent {
			return fmt.Errorf("value %d of the answer is not a finite number", i)
		}
		dst[i] = math.Float32frombits(bits)
	}
	return nil
}
