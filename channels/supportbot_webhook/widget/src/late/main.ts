// What few visitors need, in a file of its own: chat.js fetches it when it is needed first.
import style from "./late.css";
export { EmailCard, SurveyCard } from "./cards";
export { prepared } from "./pictures";

const sheet = new CSSStyleSheet();
sheet.replaceSync(style);
document.adoptedStyleSheets = [...document.adoptedStyleSheets, sheet];
