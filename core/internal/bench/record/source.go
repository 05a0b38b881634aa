package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/bluenviron/gortsplib/v4"
	"github.com/bluenviron/gortsplib/v4/pkg/base"

	"github.com/nightjar-nvr/nightjar/core/media/fmp4/fmp4test"
	"github.com/nightjar-nvr/nightjar/core/media/rtsp"
)

// source is the camera: one stream under every path, in a process of its own whose cost is not counted.
func source(ctx context.Context, file string) error {
	clip, err := fmp4test.Demux("ffmpeg", "-i", file, "-c", "copy")
	if err != nil {
		return err
	}
	packets, err := rtsp.NewPacketizer(clip.Desc)
	if err != nil {
		return err
	}
	h := &handler{}
	server := &gortsplib.Server{
		Handler: h, RTSPAddress: "127.0.0.1:0", WriteQueueSize: 4096,
		Listen: func(network, address string) (net.Listener, error) {
			l, err := net.Listen(network, address)
			if err == nil {
				fmt.Printf("rtsp://%s\n", l.Addr()) // the parent reads it
			}
			return l, err
		},
	}
	h.stream = &gortsplib.ServerStream{Server: server, Desc: packets.Session()}
	if err := server.Start(); err != nil {
		return err
	}
	defer server.Close()
	if err := h.stream.Initialize(); err != nil {
		return err
	}
	defer h.stream.Close()
	next := clip.Play(clip.Desc, time.Now())
	for ctx.Err() == nil {
		u := next()
		time.Sleep(time.Until(u.NTP))
		pkts, err := packets.Packets(u)
		if err != nil {
			return err
		}
		for _, p := range pkts {
			if err := h.stream.WritePacketRTPWithNTP(packets.Media(u.Track), p, u.NTP); err != nil {
				return err
			}
		}
	}
	return nil
}

type handler struct{ stream *gortsplib.ServerStream }

func (h *handler) OnDescribe(*gortsplib.ServerHandlerOnDescribeCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, h.stream, nil
}

func (h *handler) OnSetup(*gortsplib.ServerHandlerOnSetupCtx) (*base.Response, *gortsplib.ServerStream, error) {
	return &base.Response{StatusCode: base.StatusOK}, h.stream, nil
}

func (h *handler) OnPlay(*gortsplib.ServerHandlerOnPlayCtx) (*base.Response, error) {
	return &base.Response{StatusCode: base.StatusOK}, nil
}

// OnStreamWriteError is told when a reader is too slow, as 32 starting processes are; gortsplib would log each packet.
func (h *handler) OnStreamWriteError(*gortsplib.ServerHandlerOnStreamWriteErrorCtx) {}

// group is a set of processes that were started for one turn.
type group struct{ cmds []*exec.Cmd }

func (g *group) start(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		return err
	}
	g.cmds = append(g.cmds, cmd)
	return nil
}

// stop ends the processes, at first politely.
func (g *group) stop() {
	for _, c := range g.cmds {
		_ = syscall.Kill(-c.Process.Pid, syscall.SIGTERM)
	}
	for _, c := range g.cmds {
		kill := time.AfterFunc(15*time.Second, func() { _ = syscall.Kill(-c.Process.Pid, syscall.SIGKILL) })
		_ = c.Wait()
		kill.Stop()
	}
}

func startSource(ctx context.Context, self, clip string) (*group, string, error) {
	cmd := exec.CommandContext(ctx, self, "-role", "source", "-clip", clip)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, "", err
	}
	g := &group{}
	if err := g.start(cmd); err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		g.stop()
		return nil, "", fmt.Errorf("camera did not start: %w", err)
	}
	return g, strings.TrimSpace(line), nil
}
