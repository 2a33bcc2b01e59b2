// What is asked of the visitor beside the conversation: an address, and at its end what they think of it.
import { Component, createRef, h } from "preact";
import type { Chat } from "../chat/chat";
import { t } from "../chat/config";
import { Icon } from "../chat/icons";

export class EmailCard extends Component<{ chat: Chat }, { problem?: string; done?: string }> {
  readonly #submit = (event: SubmitEvent) => {
    event.preventDefault();
    const field = (event.currentTarget as HTMLFormElement).elements.namedItem("email") as HTMLInputElement;
    if (!field.value || !field.checkValidity()) return this.setState({ problem: t("email_invalid") });
    this.props.chat
      .leaveEmail(field.value.trim())
      .then((continues) => this.setState({ done: t(continues ? "email_thanks" : "email_kept") }))
      .catch(({ status }) => this.setState({ problem: t(status === 422 ? "email_invalid" : "not_sent") }));
  };

  override render() {
    const { done, problem } = this.state;
    if (done) {
      return (
        <p class="card done" role="status">
          <Icon name="done" />
          {done}
        </p>
      );
    }
    return (
      <form class="card" noValidate onSubmit={this.#submit}>
        <label for="email">{t("email_ask")}</label>
        <div class="line">
          <input
            id="email"
            name="email"
            type="email"
            autocomplete="email"
            dir="ltr"
            placeholder={t("email_placeholder")}
            aria-invalid={!!problem}
            aria-describedby="email-problem"
          />
          <button type="submit" class="primary">
            {t("save")}
          </button>
        </div>
        <p class="note problem" id="email-problem" role="alert">
          {problem}
        </p>
      </form>
    );
  }
}

export class SurveyCard extends Component<
  { chat: Chat; wanted: boolean; close: () => void },
  { score: number; done?: boolean; problem?: boolean }
> {
  override state = { score: this.props.chat.state.survey ?? 0, done: false, problem: false };
  readonly #first = createRef<HTMLInputElement>();

  override componentDidMount() {
    if (this.props.wanted) this.#first.current!.focus();
  }

  readonly #submit = (event: SubmitEvent) => {
    event.preventDefault();
    const { score } = this.state;
    const comment = (event.currentTarget as HTMLFormElement).elements.namedItem("comment") as HTMLTextAreaElement;
    if (!score) return;
    this.props.chat
      .survey(score, comment.value.trim())
      .then(() => {
        this.setState({ done: true, problem: false });
        setTimeout(this.props.close, 5000);
      })
      .catch(() => this.setState({ problem: true }));
  };

  override render() {
    const { score, done, problem } = this.state;
    if (done) {
      return (
        <p class="card done" role="status">
          <Icon name="done" />
          {t("survey_thanks")}
        </p>
      );
    }
    return (
      <form class="card" onSubmit={this.#submit}>
        <fieldset class="stars">
          <legend>{t("survey_ask")}</legend>
          {[1, 2, 3, 4, 5].map((value) => (
            <label class={value <= score ? "on" : undefined}>
              <input
                ref={value === 1 ? this.#first : null}
                class="sr"
                type="radio"
                name="score"
                value={value}
                checked={value === score}
                onChange={() => this.setState({ score: value })}
              />
              <span class="sr">{t("survey_score", { n: value })}</span>
              <Icon name="star" />
            </label>
          ))}
        </fieldset>
        <textarea
          name="comment"
          rows={2}
          maxLength={1000}
          dir="auto"
          hidden={!score}
          placeholder={t("survey_comment")}
          aria-label={t("survey_comment")}
        />
        {problem && (
          <p class="note problem" role="alert">
            {t("not_sent")}
          </p>
        )}
        <div class="line">
          <button type="button" class="secondary" onClick={this.props.close}>
            {t("survey_skip")}
          </button>
          <button type="submit" class="primary" aria-disabled={!score}>
            {t("send")}
          </button>
        </div>
      </form>
    );
  }
}
