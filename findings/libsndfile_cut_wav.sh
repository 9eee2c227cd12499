#!/usr/bin/env bash
# soundfile 0.14.0 (libsndfile 1.2.2): a WAV whose data chunk promises more than the file holds (a copy that was cut off) is read
# as a shorter sound: no error, no warning, and `info` gives the shorter length. Only SoundFile.extra_info, libsndfile's log, says
# "data : 32000 (should be 16000)". Labels and transcripts then do not fit the sound. Help: look for "(should be" in extra_info.
set -euo pipefail
work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "soundfile==0.14.0" "numpy==2.4.6"
cd "$work"
"$work/venv/bin/python" -W error - <<'PY'
from pathlib import Path

import numpy as np
import soundfile

soundfile.write("whole.wav", np.zeros(16000), 16000, subtype="PCM_16")
data = Path("whole.wav").read_bytes()
Path("cut.wav").write_bytes(data[: 44 + 16000])
samples, rate = soundfile.read("cut.wav")
with soundfile.SoundFile("cut.wav") as file:
    told = [line.strip() for line in file.extra_info.splitlines() if "should be" in line]
print(len(samples), "of 16000 samples;", soundfile.info("cut.wav").frames, "in info;", told)
if len(samples) != 8000 or soundfile.info("cut.wav").frames != 8000 or not any(line.startswith("data") for line in told):
    raise SystemExit("changed: a cut sound is another matter now")
PY
