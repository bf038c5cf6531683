#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What udhcpc calls when it has an address.

# shellcheck disable=SC2154 # udhcpc sets these
case $1 in
bound | renew)
	ip addr flush dev "$interface"
	ip addr add "$ip/${mask:-24}" dev "$interface"
	ip link set "$interface" up
	[ -z "${router-}" ] || ip route add default via "${router%% *}"
	;;
deconfig) ip link set "$interface" up ;;
esac
