// Draws the sound that has come, as bars; those that were heard in the colour of what is done.

const PEAKS_PER_S = 100;
const LEAST_PEAK = 0.05; // drawn over the whole height at least, so that near silence looks like it
const BAR = 3; // CSS pixels
const STEP = 5; // from bar to bar
const LEAST_S = 2; // shown at least, so that the beginning does not fill the width

export class Waveform {
    constructor(canvas) {
        this.canvas = canvas;
        this.clear();
    }

    clear() {
        this.peaks = [];
        this.samples = 0;
    }

    /** Some more samples, at a rate in Hz. */
    add(samples, rate) {
        for (const sample of samples) {
            const place = Math.floor((this.samples++ * PEAKS_PER_S) / rate);
            this.peaks[place] = Math.max(this.peaks[place] ?? 0, Math.abs(sample));
        }
    }

    /** Draw all of it; `position_s` has been heard of `length_s`. */
    draw(position_s, length_s) {
        const { canvas, peaks } = this;
        const { clientWidth: width, clientHeight: height } = canvas;
        const scale = window.devicePixelRatio || 1;
        if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
            canvas.width = Math.round(width * scale);
            canvas.height = Math.round(height * scale);
        }
        const style = getComputedStyle(canvas);
        const pen = canvas.getContext("2d");
        pen.setTransform(scale, 0, 0, scale, 0, 0);
        pen.clearRect(0, 0, width, height);
        const loudest = peaks.reduce((most, peak) => Math.max(most, peak), LEAST_PEAK);
        const bars = Math.floor(width / STEP);
        const shown_s = Math.max(length_s, LEAST_S);
        for (let bar = 0; bar < bars; bar++) {
            const first = Math.floor((bar / bars) * shown_s * PEAKS_PER_S);
            const last = Math.max(first + 1, Math.floor(((bar + 1) / bars) * shown_s * PEAKS_PER_S));
            const peak = Math.max(0, ...peaks.slice(first, last));
            const tall = Math.max(BAR, (peak / loudest) ** 0.8 * height); // so that soft sounds are seen
            pen.fillStyle = style.getPropertyValue(((bar + 0.5) / bars) * shown_s < position_s ? "--done" : "--to-come");
            pen.beginPath();
            pen.roundRect(bar * STEP + 1, (height - tall) / 2, BAR, tall, BAR / 2);
            pen.fill();
        }
    }
}
