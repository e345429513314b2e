import { guard } from "./guard.js";

guard(window);
document.getElementById("popup").addEventListener("click", () => window.open("/links.html?popup"));
document.getElementById("printbtn").addEventListener("click", () => window.print());
