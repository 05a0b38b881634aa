package pluginhost

import (
	"context"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/types/known/emptypb"
)

// stdioStderr is go-plugin's number for standard error in its StdioData.
const stdioStderr = 2

// readStdio takes what a Go plugin prints after the handshake: go-plugin turns os.Stdout and os.Stderr into a stream,
// and the plugin's prints block while nobody reads it. Standard error joins the plugin's log, standard output goes
// nowhere, both at the pace of the log. A plugin in another language need not have the stream.
func readStdio(conn *grpc.ClientConn, done <-chan struct{}, log *lineLog) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/plugin.GRPCStdio/StreamStdio")
	if err != nil {
		return
	}
	if stream.SendMsg(&emptypb.Empty{}) != nil || stream.CloseSend() != nil {
		return
	}
	r, w := io.Pipe()
	var lines sync.WaitGroup
	lines.Go(func() { readLines(r, log) })
	defer lines.Wait()
	defer w.Close()
	for {
		// StdioData is internal to go-plugin; an empty message keeps its fields as unknown bytes.
		var msg emptypb.Empty
		if stream.RecvMsg(&msg) != nil {
			return
		}
		channel, data := stdioFields(msg.ProtoReflect().GetUnknown())
		if channel == stdioStderr {
			_, _ = w.Write(data) // the reader ends with us
		}
		pause := time.NewTimer(time.Duration(len(data)) * time.Second / errorRate)
		select {
		case <-pause.C:
		case <-done:
			pause.Stop()
			return
		}
	}
}

// stdioFields reads StdioData: field 1 is the channel, field 2 the bytes. What it does not understand it leaves.
func stdioFields(b []byte) (channel uint64, data []byte) {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return channel, data
		}
		b = b[n:]
		switch {
		case num == 1 && typ == protowire.VarintType:
			channel, n = protowire.ConsumeVarint(b)
		case num == 2 && typ == protowire.BytesType:
			data, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return channel, data
		}
		b = b[n:]
	}
	return channel, data
}
