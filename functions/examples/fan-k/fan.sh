#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Prints the file of a chain that asks K functions at once which do nothing: b1 ... bK.
#     fan.sh K all            fan-out by the chain file, joined at gather
#     fan.sh K calls [BODY]   by sp_call_all in caller; BODY: reference (unless told) or copy
set -eu

count=${1:?usage: fan.sh K all|calls [BODY]}
way=${2:?usage: fan.sh K all|calls [BODY]}
body=${3:-reference}

# The names b1 to b$1, parted by commas.
names()
{
	i=1
	while [ "$i" -le "$1" ]; do
		printf '%sb%s' "$([ "$i" -eq 1 ] || echo ', ')" "$i"
		i=$((i + 1))
	done
}

# caller declares 32 calls: those that it does not make lead to the first function.
calls()
{
	i=1
	while [ "$i" -le 32 ]; do
		printf '%sb%s: b%s' "$([ "$i" -eq 1 ] || echo ', ')" "$i" \
			"$([ "$i" -le "$count" ] && echo "$i" || echo 1)"
		i=$((i + 1))
	done
}

cat <<HEAD
apiVersion: sprocket.dev/v1alpha1
kind: Chain
metadata: {name: fan-$way-$count}
spec:
  ingress:
  - http: {path: /, maxBody: 64Ki}
  pool: {memory: 64Mi, bufferSizes: [2Ki, 64Ki]}
  functions:
HEAD
i=1
while [ "$i" -le "$count" ]; do
	echo "  - {name: b$i, exec: ../chain-n/echo}"
	i=$((i + 1))
done
case $way in
all)
	cat <<ALL
  - {name: head, exec: ../chain-n/pass}
  - {name: gather, exec: ./gather, config: {branches: "$count"}}
  routes:
  - {from: ingress, to: head}
  - from: head
    to: {all: [$(names "$count")]}
    join: {at: gather}
  - {from: gather, to: reply}
ALL
	;;
calls)
	cat <<CALLS
  - name: caller
    exec: ./caller
    calls: {$(calls)}
    config: {branches: "$count", body: $body}
  routes:
  - {from: ingress, to: caller}
  - {from: caller, to: reply}
CALLS
	;;
*)
	echo "fan.sh: $way: expected all or calls" >&2
	exit 2
	;;
esac
