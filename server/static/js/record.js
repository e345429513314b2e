/* The record of incidents: small pictures open large. */

import { listen } from './pictures.js';
import { loadWords } from './words.js';

await loadWords(document.documentElement.lang === 'en' ? 'en' : 'zh');
listen(document);
