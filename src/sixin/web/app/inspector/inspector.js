export class Inspector { constructor(a,b){} draw(){ return document.createElement("section"); } close(){} }
