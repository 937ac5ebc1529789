#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the file of a chain of N functions that do nothing: f1 ... fN, the last replies.
#     chain.sh N [EXEC]      EXEC is ./pass unless told
set -eu

count=${1:?usage: chain.sh N [EXEC]}
exec=${2:-./pass}

cat <<HEAD
apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {name: chain-$count}
spec:
  ingress:
  - http: {path: /, maxBody: 64Ki}
  pool: {memory: 64Mi, bufferSizes: [2Ki, 64Ki]}
  functions:
HEAD
steps=
i=1
while [ "$i" -le "$count" ]; do
	echo "  - {name: f$i, exec: $exec}"
	steps="${steps:+$steps, }f$i"
	i=$((i + 1))
done
echo "  steps: [$steps]"
