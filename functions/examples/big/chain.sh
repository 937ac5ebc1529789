#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the file of a chain of functions that read bodies of up to 16 MiB, the last of which
# answers with what it found.
#     chain.sh NAME TIMES...     a function for each; how often it reads the body
set -eu

name=${1:?usage: chain.sh NAME TIMES...}
shift

cat <<HEAD
# Bodies of up to 16 MiB that nobody copies: see README.md.
#
#     sprocket run $name.yaml
#     head -c 16M /dev/urandom | curl -i --data-binary @- http://127.0.0.1:8080/
apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {name: $name}
spec:
  ingress:
  - http: {path: /, methods: [POST], maxBody: 16Mi}
  timeout: 10s
  pool: {memory: 128Mi, bufferSizes: [2Ki, 1Mi, 16Mi]}
  functions:
HEAD
steps=
i=1
for times; do
	answer=
	[ "$i" -lt $# ] || answer=', answer: "yes"'
	echo "  - {name: f$i, exec: ./sum, config: {times: \"$times\"$answer}}"
	steps="${steps:+$steps, }f$i"
	i=$((i + 1))
done
echo "  steps: [$steps]"
