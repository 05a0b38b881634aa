#!/usr/bin/env bash
# All benchmarks whose figures core/docs/benchmarks.md quotes. Each prints a ratio against the floor or a peer of the
# same run. BENCH_CAMERAS and BENCH_SECONDS shorten the recording part.
set -uo pipefail
cd "$(dirname "$0")/../.."
echo "machine: $(nproc) cores, load $(cut -d' ' -f1-3 /proc/loadavg)"
echo; echo "==> recording: CPU and memory per camera, against ffmpeg -c copy (and MediaMTX where it is on the PATH)"
go run ./core/internal/bench/record -nightjar build/nightjar -n "${BENCH_CAMERAS:-1,8,32}" -length "${BENCH_SECONDS:-30}s"
echo; echo "==> recording with detection on: 16 cameras on this machine without a missed recording"
go run ./core/internal/bench/record -nightjar build/nightjar -n "${BENCH_DETECT_CAMERAS:-16}" -length "${BENCH_SECONDS:-30s}" -rounds 1 \
  -only "nightjar" -model "${NIGHTJAR_TESTDATA:-../shared/testdata}/models/yolox_nano.onnx"
echo; echo "==> detection: whole pipeline against bare inference plus bare decode"
NIGHTJAR_BENCH=1 go test -v -count=1 -run 'CostRatio|StillSceneCost|BatchRatio' ./core/vision ./core/vision/detect | grep -E 'RATIO|LATENCY|^(ok|FAIL|---)'
go test -run '^$' -bench . ./core/vision/... ./core/media/decode | grep -E '^(Benchmark|FAIL)'
echo; echo "==> live: from subscribing to the first fragment"
go test -run '^$' -bench Join ./core/media/live | grep -E '^(Benchmark|ok|FAIL)'
echo; echo "==> event latency: from the first picture with a person to the MQTT message"
go test -run '^$' -bench EventLatency -benchtime 1x ./core/internal/bench/latency | grep -E '^(Benchmark|ok|FAIL| )'
echo; echo "==> index: timeline, coverage and playlists over many days (NIGHTJAR_BENCH_SCALE=1 for 50 million segments)"
go run ./core/internal/bench/index
echo; echo "==> playback: playlists and coverage without the database; pictures; previews; exports against ffmpeg"
go test -run '^$' -bench . ./recorder/playback ./recorder/still ./recorder/preview ./core/media/transcode | grep -E '^(Benchmark|FAIL)'
NIGHTJAR_BENCH=1 go test -v -count=1 -run CostOfACopy ./recorder/export | grep -E 'ratio|^(ok|FAIL|---)'
echo; echo "==> recovery after a crash, per 103,680 files; retention over a month of 16 cameras; archive against bare uploads"
go test -run '^$' -bench Recover -benchtime 2x ./recorder/crash | grep -E '^(Benchmark|FAIL)'
go test -run '^$' -bench Month -benchtime 3x ./recorder/retention | grep -E '^(Benchmark|FAIL)'
go test -run '^$' -bench . ./recorder/archive | grep -E '^(Benchmark|FAIL)'
echo; echo "==> plugins: launch to configured, memory, latency of an alert with 100 KB; a flood of log; restarts"
go test -run '^$' -bench . ./core/pluginhost | grep -E '^(Benchmark|FAIL)'
NIGHTJAR_SLOW=1 go test -v -count=1 -run 'Killed|Stopped|Hundred|Flood' ./core/pluginhost | grep -E 'bars_test|^(ok|FAIL|---)'
