# Nightjar in one image: the binary with its UI, the first-party plugins, PostgreSQL and ONNX Runtime.
# docker build -t nightjar . && docker run -p 8420:8420 -v nightjar:/data -v ./config.yaml:/config.yaml:ro nightjar
FROM node:20-bookworm-slim AS ui
WORKDIR /src
ENV NEXT_TELEMETRY_DISABLED=1
COPY ui/package.json ui/package-lock.json ui/
RUN cd ui && npm ci --ignore-scripts --no-audit --no-fund
COPY core/vision/detect/ort/package.json core/vision/detect/ort/package-lock.json ort/
RUN cd ort && npm ci --ignore-scripts --no-audit --no-fund
COPY ui ui
RUN cd ui && npm run build

FROM golang:1.26-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends libavcodec-dev libavformat-dev libavutil-dev libswscale-dev libopencv-dev pkg-config \
      libdlib-dev libopenblas-dev liblapack-dev libjpeg62-turbo-dev && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=ui /src/ui/out ui/out
ARG VERSION=dev
# For any machine of the architecture, not only for the one that builds; see the file.
ENV CXX=/src/core/deploy/cxx.sh
RUN go build -trimpath -tags embedui -ldflags "-X main.version=$VERSION" -o /out/nightjar ./core/cmd/nightjar && \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/nightjar-launch ./core/cmd/nightjar-launch && \
    CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o /out/plugins/notifiers ./plugins/notifiers

FROM debian:bookworm-slim
RUN echo 'debconf debconf/frontend select Noninteractive' | debconf-set-selections && \
    mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' > /etc/postgresql-common/createcluster.conf && \
    apt-get update && apt-get install -y --no-install-recommends ca-certificates tini ffmpeg postgresql libopencv-core406 libopencv-imgproc406 \
      libopencv-imgcodecs406 libopencv-video406 libopencv-videoio406 libopencv-objdetect406 libopencv-dnn406 libopencv-features2d406 \
      libopencv-calib3d406 libopencv-photo406 libopencv-highgui406 libdlib19.1 libopenblas0 liblapack3 libjpeg62-turbo && rm -rf /var/lib/apt/lists/* && \
    useradd --system --create-home --home-dir /data --uid 1000 nightjar
COPY --from=build /out /opt/nightjar
ARG TARGETARCH=amd64
COPY --from=ui /src/ort/node_modules/onnxruntime-node/bin/napi-v6/linux /tmp/ort
RUN mkdir -p /opt/nightjar/lib && cp /tmp/ort/$([ "$TARGETARCH" = arm64 ] && echo arm64 || echo x64)/libonnxruntime.so.1 /opt/nightjar/lib/ && rm -rf /tmp/ort
USER nightjar
WORKDIR /data
VOLUME /data
EXPOSE 8420 8554
# tini reaps the grandchildren that a killed plugin leaves.
ENTRYPOINT ["tini", "--", "/opt/nightjar/nightjar"]
CMD ["serve", "-c", "/config.yaml"]
