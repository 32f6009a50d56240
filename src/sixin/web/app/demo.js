/** Demo: the users a server in demo mode lends to visitors. */

/** @import {SignIn} from "./views/welcome.js" */

/** @returns {Promise<SignIn[]>} nobody where the server is not in demo mode, or cannot be reached */
export async function demoUsers() {
  try {
    const response = await fetch("/demo.json", { cache: "no-store" });
    return response.ok ? (await response.json()).users : [];
  } catch {
    return [];
  }
}
