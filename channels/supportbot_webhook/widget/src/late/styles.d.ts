declare module "*.css" {
  /** The style, as text. */
  const text: string;
  export default text;
}
