#!/usr/bin/env bash
# The C++ compiler for what is shipped. go-face asks for -march=native, after everything that CGO_CXXFLAGS could say: a
# binary made on a new machine would die with SIGILL on an old one. This asks for what all machines of the last decade have.
# go build keys its cache by the name of the compiler, not by what is in here: raise CXX_VERSION in the Makefile with a change.
case "$(uname -m)" in
  x86_64) march=x86-64-v2 ;;
  aarch64) march=armv8-a ;;
  *) march= ;;
esac
args=()
for a in "$@"; do
  [ "$a" = -march=native ] || { args+=("$a"); continue; }
  [ -z "$march" ] || args+=("-march=$march")
done
exec g++ "${args[@]}"
