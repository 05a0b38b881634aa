export declare const BASE: string;
export declare const NONCE: string;
export declare function rewriteJS(text: string, name: string): string;
export declare function rewriteHTML(text: string, name: string): string;
export declare function checkCSS(text: string, name: string): void;
export declare function checkFlight(text: string, name: string): void;
export declare function firstLoad(html: string): string[];
