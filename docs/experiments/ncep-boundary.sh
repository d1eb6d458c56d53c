#!/bin/sh
# The NCEP limited area with and without the analysis at its boundary:  sh docs/experiments/ncep-boundary.sh DATA FOLDER
# DATA is the path of air_temperature.zarr; the scores at 24 h are in docs/results.md.
set -e
data=$1 folder=$2
wxml train docs/experiments/ncep-north-america.yaml data.source.path="$data" graph.boundary.nodes=2 training.max_steps=500 \
  "training.rollout={start: 1, maximum: 4, begin: 0.4, boundary: truth}" training.validation_every=500 --run-dir "$folder/run"
period="--start 2014-07-01T00 --end 2014-12-28T18 --every 30h"
wxml forecast "$folder/run/checkpoint.safetensors" -o "$folder/own.nc" $period
wxml forecast "$folder/run/checkpoint.safetensors" -o "$folder/given.nc" $period \
  forecast.inputs.boundary.plugin=xarray forecast.inputs.boundary.path="$data"
for name in own given; do wxml verify "$folder/$name.nc" -o "$folder/scores-$name"; done
