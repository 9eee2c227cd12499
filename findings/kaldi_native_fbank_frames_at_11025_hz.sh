#!/usr/bin/env bash
# kaldi-native-fbank 1.23.0 rounds the frame shift down to whole samples: at 11,025 and 22,050 Hz a shift of 10 ms is 110 and
# 220 samples, 9.98 ms. One minute gives 6,012 frames where 25 ms windows every 10 ms are 5,998; marks taken from
# `frame * 0.01` run 0.14 s late at its end. At 8,000, 16,000 and 44,100 Hz it is 5,998.
set -euo pipefail
work="$(mktemp -d)"; trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install -q "kaldi-native-fbank==1.23.0"
"$work/venv/bin/python" - <<'PY'
import kaldi_native_fbank as knf

wanted = {8000: 5998, 11025: 6012, 16000: 5998, 22050: 6012, 44100: 5998}
for rate, frames in wanted.items():
    options = knf.FbankOptions()
    options.frame_opts.samp_freq = rate
    options.frame_opts.dither = 0
    bank = knf.OnlineFbank(options)
    bank.accept_waveform(rate, [0.0] * (60 * rate))
    bank.input_finished()
    print(rate, "Hz:", bank.num_frames_ready, "frames a minute")
    if bank.num_frames_ready != frames:
        raise SystemExit(f"changed: {frames} were seen")
PY
