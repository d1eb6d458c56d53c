#!/bin/sh
# The forecast of the newest analysis, and its scores as soon as there are any: `ops/forecast.sh MODEL ARCHIVE FOLDER`.
# It may be killed and started again: with `--resume` it goes on, and does nothing if all is done.
set -eu
model=$1 archive=$2 folder=$3
mkdir -p "$folder"
wxml forecast "$model" "data.source.path=$archive" --start latest --output "$folder/forecast.zarr" --resume
wxml inspect "$folder/forecast.zarr" > "$folder/made-of.txt"
