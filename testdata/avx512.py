#!/usr/bin/env python3
"""Runs static programs on an emulated processor with AVX-512, for machines without.

  avx512.py test PACKAGE... [-- TEST-FLAGS]     go test of these packages, QCONV_CPU=avx512, on the emulated processor
  avx512.py run [--file PATH[=HOST-PATH]]... 'COMMAND'...     shell commands; files are put under the tree's root, /tree

Bochs emulates a whole PC with an Ice Lake processor (AVX-512 F, BW, DQ, VL, VBMI, VNNI, and more), qemu has no AVX-512 without
such a processor below. The PC boots a Debian kernel from a CD image that is made in a temporary directory; nothing is
installed or mounted. It is about a hundred times slower than the machine below: choose what it runs.

Needs Debian's packages bochs bochs-term bochsbios vgabios isolinux syslinux-common xorriso busybox-static, and a kernel: --kernel
names a vmlinuz, by default the newest of /boot; one comes without installation by
  apt-get download linux-image-6.1.0-57-cloud-amd64 && dpkg -x linux-image-*.deb kernel      # kernel/boot/vmlinuz-*

--bochs names another build of Bochs; one without Debian's debugger is about four times as fast. --model is Bochs' name of a processor.

Prints what each command printed, its exit code, and the time it took out here. Exit code 1 when one failed.
"""
import argparse, os, pty, shlex, shutil, signal, stat, subprocess, sys, tempfile, threading, time
from pathlib import Path

sys.dont_write_bytecode = True
ROOT = Path(__file__).resolve().parent.parent
PACKAGES = "bochs bochs-term bochsbios vgabios isolinux syslinux-common xorriso busybox-static"
BIOS, VGA = Path("/usr/share/bochs/BIOS-bochs-latest"), Path("/usr/share/bochs/VGABIOS-lgpl-latest")
ISOLINUX, LOADER = Path("/usr/lib/ISOLINUX/isolinux.bin"), Path("/usr/lib/syslinux/modules/bios/ldlinux.c32")
BUSYBOX = Path("/bin/busybox")
MARK = "@@avx512.py"
# Go's collector looks through memory with GFNI where there is AVX-512; with Bochs 2.7 it loses live objects ("marked free object in span").
BUILD = {"GOOS": "linux", "GOARCH": "amd64", "CGO_ENABLED": "0", "GOEXPERIMENT": "nogreenteagc"}

# Time is counted in instructions (sync=none), so that a slow machine outside cannot make the guest's clock skip.
BOCHSRC = """
display_library: {display}
romimage: file={bios}
vgaromimage: file={vga}
cpu: model={model}, count=1, ips=100000000, reset_on_triple_fault=0
clock: sync=none
memory: guest={memory}, host={memory}
boot: cdrom
ata0-master: type=cdrom, path={iso}, status=inserted
com1: enabled=1, mode=file, dev={serial}
{more}
log: {log}
panic: action=fatal
error: action=report, cpu0=ignore
info: action=ignore
debug: action=ignore
"""
SILENT = "sound: waveoutdrv=dummy, waveindrv=dummy, midioutdrv=dummy\nspeaker: enabled=0"
# Not told to Linux, by number: fsrm, since fast strings are off in MISC_ENABLE and its memmove then copies short blocks wrongly;
# pku, xsavec and xsaves, since Bochs 2.7 tells wrong sizes of saved registers and Linux then leaves all of AVX off.
ISOLINUX_CFG = """
DEFAULT linux
PROMPT 0
TIMEOUT 0
LABEL linux
  KERNEL vmlinuz
  INITRD tree.img
  APPEND console=ttyS0 loglevel=3 mitigations=off nokaslr clearcpuid=580,515,321,323 random.trust_cpu=on panic=-1
"""
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/tmp TMPDIR=/tmp
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
stty -F /dev/ttyS0 raw 115200
exec </dev/null >/dev/ttyS0 2>&1
{jobs}
echo "{mark} done"
sleep 5  # of the clock in there: the serial port is still sending
poweroff -f
"""


def need(a):
    missing = [str(p) for p in (BIOS, VGA, ISOLINUX, LOADER, BUSYBOX) if not p.exists()] + [c for c in (a.bochs, "xorriso") if not shutil.which(c)]
    if missing:
        sys.exit(f"not here: {' '.join(missing)}; apt-get install {PACKAGES}")


def kernel(path):
    found = [Path(path)] if path else sorted(Path("/boot").glob("vmlinuz-*"))
    if not found or not found[-1].is_file():
        sys.exit("no kernel: give --kernel VMLINUZ, see --help")
    return found[-1]


def archive(out, files):
    """A newc cpio archive of files, {name: path or bytes}; folders are made as they are needed."""
    made = set()

    def entry(number, name, mode, data, major=0, minor=0):
        head = "070701" + "".join(f"{n:08x}" for n in (number, mode, 0, 0, 1, 0, len(data), 0, 0, major, minor, len(name) + 1, 0))
        raw = head.encode() + name.encode() + b"\0"
        out.write(raw + bytes(-len(raw) % 4) + data + bytes(-len(data) % 4))

    folders = ["proc", "sys", "dev", "tmp", "bin"]
    for name in files:
        folders += [str(p) for p in reversed(Path(name).parents) if str(p) != "."]
    for name in dict.fromkeys(folders):
        made.add(name)
        entry(len(made), name, stat.S_IFDIR | 0o755, b"")
    entry(len(made) + 1, "dev/console", stat.S_IFCHR | 0o600, b"", 5, 1)
    for n, (name, what) in enumerate(files.items()):
        data = what if isinstance(what, bytes) else Path(what).read_bytes()
        entry(len(made) + 2 + n, name, stat.S_IFREG | 0o755, data)
    entry(0, "TRAILER!!!", 0, b"")


def boot(vmlinuz, files, commands, a, each=None):
    """Boots with files {name: path or bytes} and runs shell commands; returns [(exit code or None, output, seconds)].
    each(i, result) is called as soon as a command ends."""
    need(a)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the PC ends, too
    results = [(None, "", 0.0)] * len(commands)
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(a.keep or tmp)
        jobs = "\n".join(f'echo "{MARK} begin {i}"\n( cd /tree; {c}\n)\necho "{MARK} end {i} $?"' for i, c in enumerate(commands))
        disc = tmp / "disc"; disc.mkdir(exist_ok=True)
        with open(disc / "tree.img", "wb") as f:
            archive(f, {"bin/busybox": BUSYBOX, "init": INIT.format(mark=MARK, jobs=jobs).encode(), **files})
        for source, name in ((vmlinuz, "vmlinuz"), (ISOLINUX, "isolinux.bin"), (LOADER, "ldlinux.c32")):
            shutil.copy(source, disc / name)
        (disc / "isolinux.cfg").write_text(ISOLINUX_CFG)
        iso, serial, log, rc = tmp / "disc.iso", tmp / "serial", tmp / "bochs.log", tmp / "bochsrc"
        subprocess.run(["xorriso", "-as", "mkisofs", "-quiet", "-o", iso, "-b", "isolinux.bin", "-c", "boot.cat", "-no-emul-boot",
                        "-boot-load-size", "4", "-boot-info-table", disc], check=True, stderr=subprocess.DEVNULL)
        # Debian's Bochs has a debugger, which asks before it starts, and no nogui; its default sound driver falls over where there is no sound.
        debian = "debugger" in subprocess.run([a.bochs, "--help"], capture_output=True, text=True).stderr
        rc.write_text(BOCHSRC.format(bios=BIOS, vga=VGA, model=a.model, memory=a.memory, iso=iso, serial=serial, log=log,
                                     display="term" if debian else "nogui", more=SILENT if debian else ""))
        serial.write_bytes(b"")
        (tmp / "go").write_text("continue\n")
        screen, terminal = pty.openpty()  # the screen of the PC; nobody looks at it
        bochs = subprocess.Popen([a.bochs, "-q", "-f", rc, *(["-rc", tmp / "go"] if debian else [])], stdin=terminal, stdout=terminal, stderr=terminal,
                                 env={**os.environ, "TERM": "xterm"}, start_new_session=True)
        os.close(terminal)
        threading.Thread(target=drain, args=(screen,), daemon=True).start()
        start, now, pending, text = time.monotonic(), None, b"", []
        try:
            with open(serial, "rb") as f:
                while True:
                    ended = bochs.poll() is not None or time.monotonic() - start > a.limit
                    pending += f.read()
                    *lines, pending = pending.split(b"\n")
                    for line in lines:
                        line = line.decode(errors="replace").rstrip("\r")
                        word = line[line.index(MARK):].split()[1:] if MARK in line else [""]
                        if word[0] == "begin":
                            now, text = time.monotonic(), []
                        elif word[0] == "end":
                            i = int(word[1])
                            text.append(line[:line.index(MARK)])  # a last line without its end
                            results[i] = (int(word[2]), "\n".join(text), time.monotonic() - now)
                            each and each(i, results[i])
                        elif word[0] == "done":
                            return results
                        else:
                            text.append(line)
                    if ended:
                        last = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""
                        print(f"the PC stopped or took longer than {a.limit} s; its last lines:\n" + "\n".join(text[-30:]) + f"\nof Bochs:\n{last}", file=sys.stderr)
                        return results
                    time.sleep(0.2)
        finally:
            if bochs.poll() is None:
                bochs.kill()
            bochs.wait()


def drain(screen):
    try:
        while os.read(screen, 65536):
            pass
    except OSError:
        pass  # the terminal's other end was closed


def tracked(*paths):
    """{name in the guest: path} of the tree's files under paths."""
    names = subprocess.run(["git", "ls-files", "-z", "--", *paths], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return {f"tree/{n}": ROOT / n for n in names.split("\0") if n and (ROOT / n).is_file()}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--kernel"); ap.add_argument("--memory", type=int, default=2048); ap.add_argument("--limit", type=int, default=3600)
    ap.add_argument("--bochs", default="bochs"); ap.add_argument("--model", default="corei7_icelake_u", help="Bochs' name of the processor")
    ap.add_argument("--cpu", default="avx512", help="QCONV_CPU in the guest"); ap.add_argument("--keep", type=Path, help="an existing folder for the image and logs")
    sub = ap.add_subparsers(dest="what", required=True)
    p = sub.add_parser("test"); p.add_argument("package", nargs="+")
    p = sub.add_parser("run"); p.add_argument("--file", action="append", default=[]); p.add_argument("command", nargs="+")
    args, flags = (sys.argv[1:], [])
    if "--" in args:
        at = args.index("--")
        args, flags = args[:at], args[at + 1:]
    a = ap.parse_args(args)
    with tempfile.TemporaryDirectory() as tmp:
        if a.what == "test":
            files, commands = tracked(*a.package, "testdata"), []
            for p in a.package:
                p = p.strip("./")
                binary = Path(tmp) / p.replace("/", "_")
                subprocess.run(["go", "test", "-c", "-o", binary, f"./{p}"], cwd=ROOT, check=True, env={**os.environ, **BUILD})
                files[f"bin/{binary.name}.test"] = binary
                commands.append(f"cd {p} && {binary.name}.test -test.v -test.timeout=0 {shlex.join(flags)}")
        else:
            files = {f"tree/{n}": h or n for n, _, h in (f.partition("=") for f in a.file)}
            commands = a.command

        def each(i, result):
            print(f"== {commands[i]}\n{result[1]}\nexit {result[0]}, {result[2]:.0f} s", flush=True)
        results = boot(kernel(a.kernel), files, [f"export QCONV_CPU={a.cpu}; {c}" for c in commands], a, each)
    for c, r in zip(commands, results):
        if r[0] is None:
            print(f"== {c}\ndid not end")
    sys.exit(any(r[0] != 0 for r in results))


if __name__ == "__main__":
    main()
