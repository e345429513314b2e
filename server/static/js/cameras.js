/* The camera check of a room: pictures on demand; states come again by themselves. */

import { listen } from './look.js';
import { loadWords } from './words.js';

const page = document.getElementById('cameras');
if (page) {
  await loadWords(page.dataset.language);
  listen(document, Number(page.dataset.room));
}
