#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Builds the disk image of a virtual board: a plain Debian 12 (amd64) started by UEFI and
# systemd-boot, reachable by SSH as root with a key made for it. It holds nothing of
# kferry's; `kferry board setup` brings that, as to any other board. Needs neither root nor
# loop devices: file systems are filled as they are made.
#
# Four files are made: OUT.img (raw, sparse: GPT, ESP, ext4 root), OUT.img.key and
# OUT.img.key.pub (root's login), OUT.img.hostkey.pub (for known_hosts). All is built in a
# directory beside OUT.img; the image is renamed into place last, so that if it exists it
# is complete. An image that exists is left alone unless --force is given.
#
#   debian-guest.sh [--hostname NAME] [--flavour F] [--packages A,B] [--mirror URL]
#                   [--force] OUT.img
#
#   --flavour F     the kernel package is linux-image-F (default: cloud-amd64)
#   --packages A,B  Debian packages to add
#   --mirror URL    take Debian from here (default: mmdebstrap's own choice)

set -euo pipefail

readonly suite=bookworm
readonly esp_start=1 esp_mib=512 disk_mib=6144
readonly root_start=$((esp_start + esp_mib)) root_mib=$((disk_mib - esp_start - esp_mib - 1))
readonly base_packages=systemd-sysv,udev,dbus,kmod,iproute2,sudo,openssh-server,zstd,\
initramfs-tools,e2fsprogs,dosfstools,systemd-boot
readonly cmdline='root=/dev/vda2 rw console=ttyS0,115200 net.ifnames=0 panic=10'

PATH=$PATH:/usr/sbin:/sbin
umask 022

say() { printf 'debian-guest.sh: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
usage() { sed -n '/^#   debian-guest/,/^$/s/^#   //p' "${BASH_SOURCE[0]}"; }

check_tools() {
	local pair missing=()
	for pair in mmdebstrap:mmdebstrap sgdisk:gdisk mkfs.ext4:e2fsprogs mkfs.vfat:dosfstools \
		mcopy:mtools ssh-keygen:openssh-client fakeroot:fakeroot flock:util-linux; do
		command -v "${pair%%:*}" >/dev/null || missing+=("${pair#*:}")
	done
	[ ${#missing[@]} -eq 0 ] || die "missing programs; install these packages: ${missing[*]}"
}

put() { # PATH [MODE]: stdin becomes a file of the overlay
	mkdir -p "$work/overlay/${1%/*}"
	cat >"$work/overlay/$1"
	chmod "${2-644}" "$work/overlay/$1"
}

# The files that make a minimal Debian into this board. They are unpacked before the
# kernel package is configured, which builds the initramfs from some of them.
make_overlay() {
	local modules=usr/share/initramfs-tools/modules.d

	mkdir -p "$work/overlay"/{root/.ssh,boot/efi/EFI/BOOT,boot/efi/EFI/systemd}
	chmod 700 "$work/overlay"/root{,/.ssh}
	put root/.ssh/authorized_keys 600 <"$work/key.pub"
	put etc/ssh/ssh_host_ed25519_key 600 <"$work/hostkey"
	put etc/ssh/ssh_host_ed25519_key.pub <"$work/hostkey.pub"
	put etc/ssh/sshd_config.d/board.conf <<-END
		HostKey /etc/ssh/ssh_host_ed25519_key
		PermitRootLogin prohibit-password
		PasswordAuthentication no
	END

	put etc/machine-id <<<"$machine_id"
	put etc/hostname <<<"$hostname"
	put etc/hosts <<-END
		127.0.0.1 localhost
		127.0.1.1 $hostname
	END
	put etc/fstab <<-END
		/dev/vda2 /         ext4 errors=remount-ro 0 1
		/dev/vda1 /boot/efi vfat umask=0077        0 2
	END
	put etc/resolv.conf <<<'nameserver 10.0.2.3'
	put etc/systemd/network/20-wired.network <<-END
		[Match]
		Name=eth* en*

		[Network]
		DHCP=ipv4
		LinkLocalAddressing=no
	END
	# Whoever has the console of a virtual board already has its disk.
	put etc/systemd/system/serial-getty@.service.d/autologin.conf <<-'END'
		[Service]
		ExecStart=
		ExecStart=-/sbin/agetty --autologin root --keep-baud 115200,38400,9600 %I $TERM
	END

	# The record of a kernel's death goes to an EFI variable. Debian has that as a module,
	# and a kernel that dies early is caught only if the initramfs has it already.
	put $modules/board <<<'efi_pstore'
	put etc/modules-load.d/board.conf <<-END
		efi_pstore
		i6300esb
	END

	put etc/kernel/cmdline <<<"$cmdline"
	put boot/efi/loader/entries.srel <<<'type1'
	put boot/efi/loader/loader.conf <<-END
		timeout 0
		console-mode keep
	END

	tar -C "$work/overlay" --owner=0 --group=0 --numeric-owner -cf "$work/overlay.tar" .
}

# Run in mmdebstrap's hook, as root of the new system, with its directory as $1.
read -r -d '' finish <<'END' || true
set -eu
rm -f "$1"/etc/ssh/ssh_host_rsa_key* "$1"/etc/ssh/ssh_host_ecdsa_key*

chroot "$1" systemctl -q enable systemd-networkd ssh
chroot "$1" systemctl -q mask apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer \
	e2scrub_all.timer e2scrub_reap.service fstrim.timer man-db.timer getty@tty1.service \
	systemd-boot-update.service

# The loader, and the entry that Debian's own hook would write on a running board. In
# here /boot/efi is no mount point, which puts its name into the paths: taken out again.
efi=$1/boot/efi
cp "$1/usr/lib/systemd/boot/efi/systemd-bootx64.efi" "$efi/EFI/systemd/systemd-bootx64.efi"
cp "$1/usr/lib/systemd/boot/efi/systemd-bootx64.efi" "$efi/EFI/BOOT/BOOTX64.EFI"
for kernel in "$1"/boot/vmlinuz-*; do
	release=${kernel##*/vmlinuz-}
	chroot "$1" env BOOT_ROOT=/boot/efi kernel-install add "$release" \
		"/boot/vmlinuz-$release" "/boot/initrd.img-$release"
done
sed -i 's| /boot/efi/| /|' "$efi"/loader/entries/*.conf
END

make_root() {
	say "installing Debian $suite (about a minute; the network is needed)"
	mmdebstrap --quiet --variant=minbase --architectures=amd64 --format=tar \
		--include="$packages" \
		--aptopt='Acquire::Retries "3"' \
		--dpkgopt=path-exclude=/usr/share/man/* \
		--dpkgopt=path-exclude=/usr/share/locale/* \
		--dpkgopt=path-exclude=/usr/share/doc/* \
		--dpkgopt=path-include=/usr/share/doc/*/copyright \
		--essential-hook="tar-in $work/overlay.tar /" \
		--customize-hook="$finish" \
		"$suite" "$work/root.tar" ${mirror:+"$mirror"} >&2 ||
		die "mmdebstrap could not make the system: its message is above"
}

# Run as root or under fakeroot, which makes the unpacked files' owners and the file
# system's agree.
make_disk() {
	local disk=$work/disk root=$work/root said
	mkdir "$root"
	tar -xf "$work/root.tar" -C "$root" --numeric-owner --exclude='./dev/*'
	truncate -s ${disk_mib}M "$disk"
	sgdisk -o -n 1:${esp_start}M:+${esp_mib}M -t 1:ef00 -c 1:esp \
		-n 2:${root_start}M:+${root_mib}M -t 2:8304 -c 2:root "$disk" >/dev/null
	# It warns that the partition is smaller than the file, as it is meant to be.
	said=$(mkfs.vfat -F 32 -n ESP --offset $((esp_start * 2048)) "$disk" \
		$((esp_mib * 1024)) 2>&1) || { echo "$said" >&2; return 1; }
	mcopy -s -i "$disk@@${esp_start}M" "$root"/boot/efi/* ::/
	rm -rf "$root"/boot/efi/*
	mkfs.ext4 -q -F -L root -i 32768 -J size=32 -d "$root" \
		-E offset=$((root_start << 20)),lazy_itable_init=0,lazy_journal_init=1 \
		"$disk" ${root_mib}M
}

hostname=board flavour=cloud-amd64 extra='' mirror='' force=no
while [ $# -gt 0 ]; do
	case $1 in
	--hostname) hostname=${2-}; shift 2 ;;
	--flavour) flavour=${2-}; shift 2 ;;
	--packages) extra=${2-}; shift 2 ;;
	--mirror) mirror=${2-}; shift 2 ;;
	--force) force=yes; shift ;;
	-h | --help) usage; exit ;;
	-*) usage >&2; exit 64 ;;
	*) break ;;
	esac
done
[ $# -eq 1 ] || { usage >&2; exit 64; }
[[ $hostname =~ ^[a-z0-9]([a-z0-9-]{0,62})$ ]] ||
	die "'$hostname' is not a host name: use lower-case letters, digits and hyphens"
mkdir -p "$(dirname "$1")"
out=$(cd "$(dirname "$1")" && pwd)/$(basename "$1")
packages=$base_packages,linux-image-$flavour${extra:+,$extra}
check_tools

exec 9>"$out.lock"
flock -n 9 || { say "another run is building $out; waiting for it"; flock 9; }
if [ -e "$out" ] && [ $force = no ]; then
	exit 0
fi

rm -rf "$out".tmp.*
work=$(mktemp -d "$out.tmp.XXXXXX")
trap 'rm -rf "$work"' EXIT
machine_id=$(tr -d - </proc/sys/kernel/random/uuid)
ssh-keygen -q -t ed25519 -N '' -C "root@$hostname" -f "$work/key"
ssh-keygen -q -t ed25519 -N '' -C "$hostname" -f "$work/hostkey"
make_overlay
make_root
say "making the disk image"
if [ "$(id -u)" -eq 0 ]; then
	make_disk
else
	export work esp_start esp_mib disk_mib root_start root_mib
	fakeroot bash -euo pipefail -c "$(declare -f make_disk); make_disk"
fi

rm -f "$out"
mv "$work/key" "$out.key"
mv "$work/key.pub" "$out.key.pub"
mv "$work/hostkey.pub" "$out.hostkey.pub"
mv "$work/disk" "$out"
say "made $out; root's key is $out.key"
