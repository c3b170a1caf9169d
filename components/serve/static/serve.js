"use strict";

const element = (id) => document.getElementById(id);
let model;

async function start() {
  const response = await fetch("/page/model.json");
  model = await response.json();
  const [height, width] = model.input_shape;
  const what = takesPictures() ? `an image of ${height} × ${width} pixels` : `numbers of shape ${model.input_shape.join(" × ")}`;
  document.title = `${model.name}, version ${model.version}`;
  document.querySelector("h1").textContent = document.title;
  element("lead").textContent = `It takes ${what} and tells ${model.class_names.length} classes apart.`;
  element("picture-input").hidden = !takesPictures();
  element("numbers-input").hidden = takesPictures();
  element("shape").textContent = `[${model.input_shape.join(", ")}]`;
  model.examples.forEach(showExample);
  element("ask").hidden = false;
  element("file").addEventListener("change", () => askFile(element("file").files[0]));
  element("numbers-input").addEventListener("submit", askNumbers);
  listenForDrops();
}

function takesPictures() {
  const rank = model.input_shape.length;
  return model.input_dtype === "uint8" && (rank === 2 || (rank === 3 && [1, 3, 4].includes(model.input_shape[2])));
}

function isGrey() {
  return model.input_shape.length === 2 || model.input_shape[2] === 1;
}

function showExample(example, index) {
  const button = document.createElement("button");
  const name = model.class_names[example.label];
  button.type = "button";
  button.setAttribute("aria-pressed", "false");
  if (takesPictures()) {
    button.append(drawn(example.input));
    button.setAttribute("aria-label", `Test example ${index + 1}: ${name}`);
    button.title = name;
  } else {
    button.textContent = `${index + 1}: ${name}`;
  }
  button.addEventListener("click", () => {
    ask(example.input, `Its label: ${name}`);
    button.setAttribute("aria-pressed", "true");
  });
  element("examples").append(button);
}

function drawn(input) {
  const [height, width] = model.input_shape;
  const canvas = document.createElement("canvas");
  canvas.height = height;
  canvas.width = width;
  const context = canvas.getContext("2d");
  const image = context.createImageData(width, height);
  const channels = model.input_shape[2] || 1;
  const numbers = input.flat(2);
  for (let pixel = 0; pixel < width * height; pixel++) {
    const at = pixel * channels;
    const colour = channels < 3 ? Array(3).fill(numbers[at]) : numbers.slice(at, at + 3);
    image.data.set([...colour, channels === 4 ? numbers[at + 3] : 255], pixel * 4);
  }
  context.putImageData(image, 0, 0);
  return canvas;
}

function listenForDrops() {
  const drop = element("drop");
  for (const event of ["dragenter", "dragover", "dragleave", "drop"]) {
    drop.addEventListener(event, (happened) => {
      happened.preventDefault();
      drop.classList.toggle("over", event === "dragenter" || event === "dragover");
    });
  }
  drop.addEventListener("drop", (dropped) => askFile(dropped.dataTransfer.files[0]));
}

async function askFile(file) {
  if (!file) return;
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    complain(`${file.name} can’t be read as an image.`);
    return;
  }
  ask(scaled(bitmap), `${file.name}, ${bitmap.width} × ${bitmap.height} pixels`);
}

function scaled(bitmap) {
  const [height, width] = model.input_shape;
  const canvas = document.createElement("canvas");
  canvas.height = height;
  canvas.width = width;
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  const factor = Math.min(width / bitmap.width, height / bitmap.height);
  const [w, h] = [bitmap.width * factor, bitmap.height * factor];
  context.fillStyle = element("invert").checked ? "#fff" : "#000";
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, (width - w) / 2, (height - h) / 2, w, h);
  const bytes = context.getImageData(0, 0, width, height).data;
  const level = (value) => (element("invert").checked ? 255 - value : value);
  const pixel = (at) => {
    const [red, green, blue] = [0, 1, 2].map((channel) => level(bytes[at + channel]));
    if (!isGrey()) return model.input_shape[2] === 4 ? [red, green, blue, bytes[at + 3]] : [red, green, blue];
    const grey = Math.round((red * 299 + green * 587 + blue * 114) / 1000);
    return model.input_shape.length === 2 ? grey : [grey];
  };
  return Array.from({ length: height }, (_, y) => Array.from({ length: width }, (_, x) => pixel((y * width + x) * 4)));
}

function askNumbers(submitted) {
  submitted.preventDefault();
  let input;
  try {
    input = JSON.parse(element("numbers").value);
  } catch {
    complain("That is no JSON.");
    return;
  }
  ask(input, "");
}

async function ask(input, note) {
  document.querySelectorAll("#examples button").forEach((button) => button.setAttribute("aria-pressed", "false"));
  let response, answer;
  try {
    response = await fetch(`/v1/models/${encodeURIComponent(model.name)}:predict`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ instances: [input] }),
    });
    answer = await response.json();
  } catch {
    complain("The server does not answer.");
    return;
  }
  if (!response.ok) {
    complain(answer.error);
    return;
  }
  show(input, answer.predictions[0], answer.model_version, note);
}

function complain(text) {
  const line = document.createElement("p");
  line.className = "warning";
  line.textContent = text;
  element("answer").replaceChildren(line);
}

function show(input, prediction, version, note) {
  const verdict = document.createElement("p");
  verdict.className = "verdict";
  verdict.textContent = prediction.label;
  const told = document.createElement("p");
  told.className = "lead";
  told.textContent = [percent(prediction.probability), `version ${version}`, note].filter(Boolean).join(" · ");
  const list = document.createElement("ol");
  const order = prediction.probabilities.map((value, index) => [value, index]).sort((a, b) => b[0] - a[0]);
  for (const [value, index] of order.slice(0, 10)) list.append(row(model.class_names[index], value));
  const parts = takesPictures() ? [drawn(input)] : [];
  element("answer").replaceChildren(...parts, verdict, told, list);
}

function row(name, value) {
  const item = document.createElement("li");
  const label = document.createElement("span");
  label.textContent = name;
  const bar = document.createElement("meter");
  bar.value = value;
  bar.setAttribute("aria-label", name);
  const number = document.createElement("span");
  number.textContent = percent(value);
  item.append(label, bar, number);
  return item;
}

const percent = (value) => `${(100 * value).toFixed(1)}%`;

start();
