// Where the visitor writes.
import { Component, createRef, h } from "preact";
import type { Chat } from "./chat";
import { config, t } from "./config";
import { Icon } from "./icons";
import { late } from "./late";
import { Preview } from "./message";
import type { Upload } from "./types";

const KEY = "supportbot:text";
const { limits, features } = config;

interface Here {
  text: string;
  images: Upload[];
  problem?: string | undefined;
}

export class Composer extends Component<{ chat: Chat }, Here> {
  override state: Here = { text: written(), images: [] };
  readonly #field = createRef<HTMLTextAreaElement>();
  #adding = 0;
  #submitted = false;

  override componentDidMount() {
    if (this.state.text) this.#fit();
    addEventListener("supportbot:files", (event) => void this.#add((event as CustomEvent<File[]>).detail));
  }

  #fit() {
    const field = this.#field.current!;
    field.style.height = "auto";
    field.style.height = `${field.scrollHeight}px`;
  }

  readonly #write = () => {
    const text = this.#field.current!.value;
    written(text);
    this.setState({ text, problem: new Blob([text]).size > limits.text ? t("too_long") : undefined });
    this.#fit();
  };

  readonly #submit = (event?: Event) => {
    event?.preventDefault();
    this.#submitted = this.#adding > 0; // it waits for its images
    if (this.#submitted) return;
    const text = this.#field.current!.value.trim();
    const { images, problem } = this.state;
    if (!(text || images.length) || (problem && new Blob([text]).size > limits.text)) return;
    this.props.chat.send(text, images);
    this.#field.current!.value = "";
    written("");
    this.setState({ text: "", images: [], problem: undefined });
    this.#fit();
    this.#field.current!.focus();
  };

  async #add(files: Iterable<File>) {
    if (!features.images) return;
    this.#adding++;
    const prepared = await late().then((parts) => parts.prepared, () => null);
    for (const file of files) {
      if (!prepared || this.state.images.length >= limits.images) {
        this.setState({ problem: prepared ? t("too_many_images", { n: limits.images }) : t("reconnecting") });
        break;
      }
      const image = await prepared(file).catch(() => null);
      if (image) this.setState(({ images }: Here) => ({ images: [...images, image], problem: undefined }));
      else this.setState({ problem: t("bad_image") });
      await new Promise((resolve) => setTimeout(resolve)); // the state is set by then
    }
    // After a problem the visitor decides what becomes of the rest.
    if (!--this.#adding && this.#submitted && !this.state.problem) this.#submit();
  }

  override render() {
    const { text, images, problem } = this.state;
    const ready = !!(text.trim() || images.length);
    return (
      <form class="composer" onSubmit={this.#submit}>
        {problem && (
          <p class="note problem" role="alert">
            {problem}
          </p>
        )}
        {images.length > 0 && (
          <div class="previews">
            {images.map((image) => (
              <span key={image.data}>
                <Preview {...image} />
                <button
                  type="button"
                  aria-label={t("remove_image", { name: image.name })}
                  onClick={() => this.setState({ images: images.filter((other) => other !== image) })}
                >
                  <Icon name="remove" />
                </button>
              </span>
            ))}
          </div>
        )}
        <div class="field">
          {features.images && (
            <label class="quiet" title={t("add_image")}>
              <Icon name="image" />
              <input
                class="sr"
                type="file"
                accept={limits.image_types.join()}
                multiple
                aria-label={t("add_image")}
                onChange={(event) => {
                  const input = event.currentTarget;
                  void this.#add([...(input.files ?? [])]);
                  input.value = "";
                }}
              />
            </label>
          )}
          <textarea
            ref={this.#field}
            rows={1}
            dir={text ? "auto" : config.dir}
            enterkeyhint="send"
            placeholder={t("placeholder")}
            aria-label={t("placeholder")}
            defaultValue={this.state.text}
            onInput={this.#write}
            onKeyDown={(event) => {
              // Enter that chooses a word in an input method sends nothing.
              if (event.key === "Enter" && !event.shiftKey && !event.isComposing && event.keyCode !== 229) {
                this.#submit(event);
              }
            }}
            onPaste={(event) => {
              const files = [...(event.clipboardData?.files ?? [])].filter(({ type }) => type.startsWith("image/"));
              if (!files.length) return;
              event.preventDefault();
              void this.#add(files);
            }}
          />
          <button type="submit" class="send" aria-label={t("send")} aria-disabled={!ready}>
            <Icon name="send" />
          </button>
        </div>
      </form>
    );
  }
}

/** What was being written when the page was left. */
function written(text?: string): string {
  try {
    if (text === undefined) return sessionStorage.getItem(KEY) ?? "";
    if (text) sessionStorage.setItem(KEY, text);
    else sessionStorage.removeItem(KEY);
  } catch {
    // No storage: nothing is kept.
  }
  return "";
}
