"""What the analysis of speech assumes, for its torch side here and its numpy side, codec/runtime/analysis. No torch.

Sources: YIN (de Cheveigné and Kawahara, JASA 2002) for pitch, CheapTrick (Morise, Speech Communication 2015) for the
envelope.
"""

import math

# pitch
MIN_HZ, MAX_HZ = 60.0, 500.0
SEARCH_RATE = 11_025  # Hz, about
INTEGRATED_PERIODS = 3  # of the longest pitch, what YIN sees of one frame
NUM_CANDIDATES = 6
COST_PER_OCTAVE = 0.12  # of equal candidates prefer the shortest period
NO_MINIMUM_COST = 2.0  # of a candidate that is no local minimum
SILENT_POWER = 1e-3  # silence has no period: a little constant keeps 0 / 0 near 1
FILL_REACH = 40  # frames on each side from which an unvoiced frame takes its pitch
FILL_DECAY = FILL_REACH / 8  # frames
TRUSTED_VOICING = (0.3, 0.7)  # from where on a frame's own pitch counts, and where it alone counts

# path through candidates of pitch
OCTAVES_PER_FRAME_COST = 4.0  # how much a pitch jump costs against a worse YIN score
MOST_WAITING = 8192  # frames, 95 s at 86 frames a second

# envelope and aperiodicity
SILENCE = 1e-4  # amplitude density, -80 dB, below which no spectrum is looked for
FLOOR = math.exp(-8)  # amplitude density, -69 dB: what is quieter is not heard, and not coded
LOWEST_HZ = 70.0  # three periods of it are the longest window, which must fit n_fft
EDGES_HZ = (0.0, 1000.0, 2000.0, 3500.0, 5500.0, math.inf)  # of the aperiodicity bands
NUM_BANDS = len(EDGES_HZ) - 1
RECOVERY = -0.15  # how much smoothing is undone, CheapTrick's q1
PERIODS = 3  # length of the windows
PERIOD_ERROR = 4.0  # samples, how wrong the pitch can be
PERIOD_ERRORS = 49  # that are tried
REFINED_HZ = 3500.0  # the pitch is refined by what lies below
LEAST_NOISE_POWER = 1e-3  # share of the power
MIN_NOISE = -3.0  # log of the share of noise in the amplitude
VOICED_CEILING = (-3.0, -2.5, -1.7, -0.8, -0.2)  # the same, of each band of voiced speech

# high-pass
LONGEST_STEP = 64  # samples; the mean moves slowly and need not be known at each


def decimation(sample_rate: int, hop: int) -> int:
    """Samples for one that the search for pitch looks at: speech is periodic below 5 kHz. Divides the hop."""
    factor = max(1, round(sample_rate / SEARCH_RATE))
    while hop % factor:
        factor -= 1
    return factor


def pitch_margin(sample_rate: int, hop: int) -> int:
    """Frames on each side of one whose audio its candidates of pitch depend on, or a little more."""
    reach = INTEGRATED_PERIODS / 2 * sample_rate / MIN_HZ + 8 * decimation(sample_rate, hop)  # samples
    return math.ceil(reach / hop)


def shape_margin(sample_rate: int, n_fft: int, hop: int) -> int:
    """The same for envelope and aperiodicity: the window, and the lag by which it is moved."""
    return math.ceil((n_fft + sample_rate / LOWEST_HZ) / 2 / hop)


def highpass_step(hop: int) -> int:
    """Samples from one mean to the next; divides the hop."""
    return math.gcd(hop, LONGEST_STEP)


def window_width(sample_rate: int, hz: float, step: int) -> int:
    """Samples of the high-pass window, a multiple of 2 * step."""
    return 2 * step * max(round(sample_rate / hz / 2 / step), 1)


def highpass_margin(sample_rate: int, hz: float, step: int) -> int:
    """Samples on each side of one that the high-pass depends on."""
    return window_width(sample_rate, hz, step) // 2 + 2 * step
