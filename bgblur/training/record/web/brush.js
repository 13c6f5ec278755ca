// Shows a picture with its background tinted, and edits its mask with a brush.

const TINT = "rgb(205 20 90 / 62%)";
const UNDO_STEPS = 20;

export class Brush {
  constructor(canvas) {
    this.canvas = canvas;
    this.mode = "add";
    this.size = 32; // pixels of the picture
    this.strokes = 0; // visible strokes; may be more than can be undone
    this.picture = null;
    // The mask is stored as the canvas's alpha: the person is opaque.
    this.mask = document.createElement("canvas");
    this.tint = document.createElement("canvas");
    this.past = [];
    canvas.addEventListener("pointerdown", (event) => this.#begin(event));
    canvas.addEventListener("pointermove", (event) => this.#move(event));
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => { this.last = null; });
    }
  }

  get changed() {
    return this.strokes > 0;
  }

  show(picture, mask) {
    this.picture = picture;
    const { naturalWidth: width, naturalHeight: height } = picture;
    for (const canvas of [this.canvas, this.mask, this.tint]) Object.assign(canvas, { width, height });
    const pen = this.#pen();
    pen.drawImage(mask, 0, 0);
    const pixels = pen.getImageData(0, 0, width, height);
    for (let i = 0; i < pixels.data.length; i += 4) {
      pixels.data[i + 3] = pixels.data[i]; // the grey level is alpha
      pixels.data[i] = pixels.data[i + 1] = pixels.data[i + 2] = 255;
    }
    pen.putImageData(pixels, 0, 0);
    this.past = [];
    this.strokes = 0;
    this.#draw();
  }

  clear() {
    this.#remember();
    this.#pen().clearRect(0, 0, this.mask.width, this.mask.height);
    this.#draw();
  }

  undo() {
    const before = this.past.pop();
    if (!before) return;
    this.#pen().putImageData(before, 0, 0);
    this.strokes -= 1;
    this.#draw();
  }

  // The mask as a PNG, white on black.
  png() {
    const flat = document.createElement("canvas");
    Object.assign(flat, { width: this.mask.width, height: this.mask.height });
    const pen = flat.getContext("2d");
    pen.fillRect(0, 0, flat.width, flat.height);
    pen.drawImage(this.mask, 0, 0);
    return new Promise((done) => flat.toBlob(done, "image/png"));
  }

  #pen() {
    return this.mask.getContext("2d", { willReadFrequently: true });
  }

  #remember() {
    this.past.push(this.#pen().getImageData(0, 0, this.mask.width, this.mask.height));
    if (this.past.length > UNDO_STEPS) this.past.shift();
    this.strokes += 1;
  }

  #begin(event) {
    if (!this.picture || event.button !== 0) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.#remember();
    this.last = this.#place(event);
    this.#stroke(this.last);
  }

  #move(event) {
    if (!this.last) return;
    const place = this.#place(event);
    this.#stroke(place);
    this.last = place;
  }

  #stroke(place) {
    const pen = this.#pen();
    pen.globalCompositeOperation = this.mode === "add" ? "source-over" : "destination-out";
    pen.strokeStyle = "#ffffff";
    pen.lineWidth = this.size;
    pen.lineCap = pen.lineJoin = "round";
    pen.beginPath();
    pen.moveTo(this.last.x, this.last.y);
    pen.lineTo(place.x, place.y);
    pen.stroke();
    pen.globalCompositeOperation = "source-over";
    this.#draw();
  }

  #place(event) {
    const box = this.canvas.getBoundingClientRect();
    return {
      x: ((event.clientX - box.left) * this.canvas.width) / box.width,
      y: ((event.clientY - box.top) * this.canvas.height) / box.height,
    };
  }

  #draw() {
    const tint = this.tint.getContext("2d");
    tint.globalCompositeOperation = "copy";
    tint.fillStyle = TINT;
    tint.fillRect(0, 0, this.tint.width, this.tint.height);
    tint.globalCompositeOperation = "destination-out";
    tint.drawImage(this.mask, 0, 0);
    const pen = this.canvas.getContext("2d");
    pen.drawImage(this.picture, 0, 0);
    pen.drawImage(this.tint, 0, 0);
  }
}
