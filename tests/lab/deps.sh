#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Installs the Debian packages that a task needs and this machine lacks. Their names are
# printed first; apt-get installs them, as root or through sudo. When nothing is missing,
# nothing is run and nothing printed.
#
#   deps.sh build    what compiling kferry takes
#   deps.sh cross    that, and what agents for boards of other processors take
#   deps.sh check    that, and what all the tests take
#   deps.sh bench    what `make bench` and `make bench-check` take
#   deps.sh corpus   what tests/corpus/make.py takes
#   deps.sh demo     what `make demo` takes: building, a kernel, a virtual board
#   deps.sh update   only refresh apt's package index

set -eu

build='build-essential pkgconf protobuf-c-compiler protobuf-compiler libprotobuf-c-dev
	libuv1-dev libarchive-dev libzstd-dev libsodium-dev libssh-dev libinih-dev
	libjansson-dev libpcre2-dev libxml2-dev libacl1-dev liblz4-dev liblzma-dev zlib1g-dev
	libsqlite3-dev libcurl4-openssl-dev libgmime-3.0-dev libncurses-dev scdoc'
cross='gcc-aarch64-linux-gnu gcc-arm-linux-gnueabihf mmdebstrap debian-archive-keyring'
kernel='flex bison bc libelf-dev libssl-dev cpio kmod rsync python3 xz-utils zstd'
board='qemu-system-x86 qemu-utils ovmf mmdebstrap debian-archive-keyring gdisk dosfstools
	mtools e2fsprogs fakeroot uidmap openssh-client'
tests='libcmocka-dev clang clang-format libclang-rt-14-dev shellcheck strace
	systemd-boot-efi openssh-server file git tmux busybox-static grub-common
	grub-efi-amd64-bin btrfs-progs dropbear-bin qemu-user-static qemu-system-arm
	u-boot-qemu libubootenv-tool device-tree-compiler zsh fish libxml2-utils
	python3-jsonschema python3-yaml git-email libmailtools-perl python3-aiosmtpd
	public-inbox b4 openssl'
corpus='linux-headers-amd64 gcc-aarch64-linux-gnu'
bench='gcc-aarch64-linux-gnu openssh-server valgrind'

say() { printf 'deps.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
usage() { sed -n '/^#   deps/s/^#   //p' "$0" >&2; exit 64; }

as_root() {
	if [ "$(id -u)" -eq 0 ]; then
		DEBIAN_FRONTEND=noninteractive "$@"
	else
		command -v sudo >/dev/null ||
			die "this takes root: run it as root, or install sudo"
		sudo env DEBIAN_FRONTEND=noninteractive "$@"
	fi
}

# A mirror that answers badly once is no reason to fail. apt itself retries a download;
# this is for an index that was replaced while it was being read.
three_times() {
	for attempt in 1 2 3; do
		"$@" && return 0
		say "attempt $attempt of 3 failed: $*"
	done
	return 1
}

update() {
	three_times as_root apt-get -qq -o Acquire::Retries=3 update >&2 ||
		die "apt-get update failed: check the network and the apt sources"
}

install_missing() {
	missing=
	for package in $1; do
		case " $(dpkg-query -W -f '${db:Status-Status} ' "$package" 2>/dev/null)" in
		*" installed "*) ;;
		*) missing="$missing $package" ;;
		esac
	done
	[ -n "$missing" ] || return 0
	say "installing these Debian packages:$missing"
	update
	# shellcheck disable=SC2086 # a list of names
	three_times as_root apt-get -qq -y -o Acquire::Retries=3 -o DPkg::Lock::Timeout=300 \
		-o Dpkg::Use-Pty=0 \
		install --no-install-recommends $missing >&2 ||
		die "could not install some of these packages:$missing"
}

[ $# -eq 1 ] || usage
command -v apt-get >/dev/null || die "this installs Debian packages, and there is no apt-get"
case $1 in
build) install_missing "$build" ;;
cross) install_missing "$build $cross" ;;
check) install_missing "$build $cross $kernel $board $tests" ;;
corpus) install_missing "$kernel $board $tests $corpus" ;;
bench) install_missing "$build $kernel $board $bench" ;;
demo) install_missing "$build $kernel $board" ;;
update) update ;;
*) usage ;;
esac
