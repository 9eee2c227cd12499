"""What is chosen from by name, as help tells it, which waits for none of what is named. A law holds each beside its registry."""

NETWORKS = (
    *("feedforward", "window", "tdnn", "jordan", "elman", "fully-recurrent", "narx", "focused", "lstm", "gru"),
    *("ntm", "linear"),
)
ELEMENTWISE = ("linear", "tanh", "logistic", "relu", "saturated_linear")
LEARNERS = ("backprop", "bptt", "bptt:HORIZON", "bptt:segment=SEGMENT", "rtrl", "rtrl:BLOCK", "focused")
LOOPS = ("closed", "open", "open-closed")
EFFORTS = ("quick", "usual", "thorough")
OPTIMIZERS = ("adam", "lm", "br")
