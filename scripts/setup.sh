# Sourced by scripts/run and scripts/test: installs into .venv what pyproject.toml asks for.
# shellcheck shell=bash

# need_packages COMMAND=PACKAGE ...: Debian packages whose command is missing, installed when root.
need_packages() {
    local pair missing=()
    for pair in "$@"; do
        command -v "${pair%%=*}" >/dev/null || missing+=("${pair#*=}")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        echo "installing ${missing[*]}" >&2
        apt-get update -qq >&2 && DEBIAN_FRONTEND=noninteractive \
            apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
    else
        echo "missing: ${missing[*]} (Debian: sudo apt install ${missing[*]})" >&2
        return 1
    fi
}

# need_gstreamer_plugin ELEMENT=PACKAGE ...: the same for what has no command.
need_gstreamer_plugin() {
    local pair
    for pair in "$@"; do
        gst-inspect-1.0 "${pair%%=*}" >/dev/null 2>&1 || need_packages "no-such-command=${pair#*=}"
    done
}

# has_gpu: whether torch could use a GPU of this machine: NVIDIA's or Apple's.
has_gpu() {
    case "$(uname -sm)" in "Darwin arm64") return 0 ;; esac
    command -v nvidia-smi >/dev/null && nvidia-smi -L 2>/dev/null | grep -q GPU
}

# size_of EXTRAS: what an installation takes.
size_of() {
    case "$1" in
    *gpu* | *dev*) echo "with torch, for the GPU, about 6 GB" ;;
    *) echo "for processors, about 0.7 GB" ;;
    esac
}

# set_up_venv ROOT EXTRAS: EXTRAS is "", "[gpu]", "[tray]", "[gpu,tray]" or "[dev]". Fast if
# nothing has changed.
set_up_venv() {
    local root=$1 extras=$2 stamp sum
    stamp="$root/.venv/bgblur-installed"
    sum=$(cksum <"$root/pyproject.toml")
    if [ -f "$stamp" ]; then
        case "$(cat "$stamp")" in # a larger set includes the smaller
        "$extras $sum" | "[dev] $sum") return 0 ;;
        "[gpu,tray] $sum") case "$extras" in "[gpu]" | "[tray]") return 0 ;; esac ;;
        *" $sum") [ -n "$extras" ] || return 0 ;;
        esac
    fi
    local python=${PYTHON:-python3}
    if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))'; then
        echo "bgblur needs Python 3.11 or newer: set PYTHON to one" >&2
        return 1
    fi
    # An interrupted venv has a Python but no pip.
    if ! "$root/.venv/bin/python" -m pip --version >/dev/null 2>&1 &&
        ! "$python" -m venv "$root/.venv"; then
        echo "python's venv module is missing (Debian: sudo apt install python3-venv)" >&2
        return 1
    fi
    echo "installing bgblur${extras} into .venv: $(size_of "$extras"); a few minutes the first time" >&2
    "$root/.venv/bin/python" -m pip install --quiet --disable-pip-version-check \
        --editable "$root$extras" >&2
    # OpenCV's wheel needs two libraries of the system.
    if ! "$root/.venv/bin/python" -c 'import cv2' 2>/dev/null; then
        if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
            apt-get update -qq >&2
            apt-get install -y -qq --no-install-recommends libgl1 libglib2.0-0 >/dev/null
        else
            echo "OpenCV needs libGL (Debian: sudo apt install libgl1 libglib2.0-0)" >&2
            return 1
        fi
    fi
    echo "$extras $sum" >"$stamp"
}

# need_qt_libraries ROOT: the system libraries that Qt's wheel needs, for the tray.
need_qt_libraries() {
    local plugin packages
    plugin=$(echo "$1"/.venv/lib/python3*/site-packages/PySide6/Qt/plugins/platforms/libqxcb.so)
    ldd "$plugin" | grep -q 'not found' || return 0
    packages=(libegl1 libgl1 libdbus-1-3 libfontconfig1 libxkbcommon-x11-0 libxcb-cursor0
        libxcb-icccm4 libxcb-keysyms1 fonts-dejavu-core)
    if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
        apt-get update -qq >&2
        apt-get install -y -qq --no-install-recommends "${packages[@]}" >/dev/null
    else
        echo "Qt needs libraries (Debian: sudo apt install ${packages[*]})" >&2
        return 1
    fi
}
